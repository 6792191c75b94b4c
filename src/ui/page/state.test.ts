import { describe, test } from "vitest";
import type { LiveView } from "../live-view.ts";
import type { PageData } from "../page-data.ts";
import {
  bannerOf,
  EMPTY,
  fail,
  isLate,
  isStale,
  LONGEST_SILENCE,
  MOST,
  take as takeAt,
  type PageState,
} from "./state.ts";

const view = { device: "gw-1" } as LiveView;
const dataOf = (more: Partial<PageData> = {}): PageData => ({
  run: "a",
  tick: 1,
  now: 10,
  isReachable: true,
  since: 1000,
  reason: undefined,
  view,
  points: [],
  events: [],
  logs: [],
  ...more,
});
const event = (tick: number) => ({ tick, at: 0, kind: "note", text: `${tick}` }) as const;
const HEARD = 5000;
const take = (state: PageState, data: PageData): PageState => takeAt(state, data, HEARD);
const seen = { isPaused: false, now: HEARD };
const time = (at: number): string => `<${at}>`;

describe("take()", () => {
  test("adds what is new, once, and keeps no more than it may", ({ expect }) => {
    const first = take(EMPTY, dataOf({ tick: 2, events: [event(1), event(2)] }));
    const second = take(first, dataOf({ tick: 3, events: [event(2), event(3)] }));
    expect(second.events.map(({ tick }) => tick)).toEqual([1, 2, 3]);
    // An answer that was overtaken changes nothing.
    expect(take(second, dataOf({ tick: 2, isReachable: false }))).toBe(second);
    const many = Array.from({ length: 1000 }, (_, index) => event(index + 10));
    const third = take(second, dataOf({ tick: 2000, events: many }));
    expect([third.events.length, third.events.at(-1)?.tick]).toEqual([MOST.events, 1009]);
  });

  test("begins anew with another run of petiole ui, and shows what it knew as old", ({ expect }) => {
    const first = take(EMPTY, dataOf({ tick: 50, events: [event(50)] }));
    const next = take(first, dataOf({ run: "b", tick: 1, view: undefined, isReachable: false, events: [event(1)] }));
    expect(next.events.map(({ tick }) => tick)).toEqual([1]);
    expect([next.view, isStale(next)]).toEqual([view, true]);
  });
});

describe("bannerOf()", () => {
  test("says what is wrong, and since when", ({ expect }) => {
    expect(bannerOf(EMPTY, seen, time).tone).toBe("warn");
    const live = take(EMPTY, dataOf());
    expect(bannerOf(live, seen, time)).toEqual({ tone: "good", text: "Live. The agent answers since <1000>." });
    expect(bannerOf(live, { ...seen, isPaused: true }, time).text).toMatch(/^Paused/);
    const away = take(live, dataOf({ tick: 2, isReachable: false, since: 2000, reason: "no socket" }));
    expect(bannerOf(away, { ...seen, isPaused: true }, time)).toMatchObject({
      tone: "bad",
      text: "Agent not reachable since <2000>: no socket. What you see is what it said last.",
    });
    const lost = fail(fail(live, "refused", 3000), "refused", 4000);
    expect(bannerOf(lost, seen, time).text).toMatch(/since <3000>: refused/);
    expect([isStale(live), isStale(away), isStale(lost)]).toEqual([false, true, true]);
    expect(take(lost, dataOf({ tick: 2 })).failure).toBeUndefined();
  });

  test("calls nothing live that was not heard of for a while", ({ expect }) => {
    const live = take(EMPTY, dataOf());
    const late = { ...seen, now: HEARD + LONGEST_SILENCE + 1 };
    expect(bannerOf(live, late, time)).toEqual({
      tone: "warn",
      text: "Waiting for an answer. What you see is how it was at <5000>.",
    });
    expect(bannerOf(live, { ...late, isPaused: true }, time).text).toMatch(/^Paused/);
    expect([isLate(live, late.now), isLate(live, HEARD), isLate(EMPTY, late.now)]).toEqual([true, false, false]);
    expect(bannerOf(takeAt(live, dataOf({ tick: 2 }), late.now), late, time).tone).toBe("good");
  });
});
