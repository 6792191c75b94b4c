import * as fc from "fast-check";
import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import { planFeeding, type FeedingState, type Sighting } from "./feeding.ts";

const NEVER_FED: FeedingState = { fedAt: millis(0), counts: new Map() };
const PAUSE = millis(100);

describe("planFeeding()", () => {
  test("feeds when all have got something done, and not before the pause is over", ({ expect }) => {
    const seen = [
      { name: "store", count: 1 },
      { name: "supervisor", count: 7 },
    ];
    const early = planFeeding(NEVER_FED, seen, { now: millis(99), pause: PAUSE });
    expect(early).toEqual({ feed: false, late: [], state: NEVER_FED });
    const due = planFeeding(NEVER_FED, seen, { now: millis(100), pause: PAUSE });
    expect(due.feed).toBe(true);
    const again = planFeeding(due.state, seen, { now: millis(300), pause: PAUSE });
    expect(again).toMatchObject({ feed: false, late: ["store", "supervisor"] });
    const one = planFeeding(due.state, [{ name: "store", count: 2 }, ...seen.slice(1)], {
      now: millis(300),
      pause: PAUSE,
    });
    expect(one).toMatchObject({ feed: false, late: ["supervisor"] });
  });

  test("takes an excuse until its time", ({ expect }) => {
    const { state } = planFeeding(NEVER_FED, [{ name: "supervisor", count: 1 }], { now: millis(100), pause: PAUSE });
    const busy = [{ name: "supervisor", count: 1, excusedUntil: millis(500) }];
    expect(planFeeding(state, busy, { now: millis(499), pause: PAUSE }).feed).toBe(true);
    expect(planFeeding(state, busy, { now: millis(500), pause: PAUSE }).feed).toBe(false);
  });

  test("never feeds twice without progress of every part in between, and always with it", ({ expect }) => {
    const NAMES = ["event loop", "store", "supervisor"];
    // Each step: how much each part gets done, and how much time goes by.
    const steps = fc.array(
      fc.record({
        done: fc.tuple(...NAMES.map(() => fc.integer({ min: 0, max: 2 }))),
        time: fc.integer({ min: 0, max: 150 }),
        excuse: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined, freq: 8 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        let state = NEVER_FED;
        let now = 0;
        let excusedUntil: number | undefined;
        const counts = NAMES.map(() => 0);
        const since = NAMES.map(() => 0);
        let sinceFed = 0;
        for (const { done, time, excuse } of all) {
          now += time;
          sinceFed += time;
          done.forEach((count, index) => {
            counts[index] = (counts[index] ?? 0) + count;
            since[index] = (since[index] ?? 0) + count;
          });
          if (excuse !== undefined) excusedUntil = now + excuse;
          const sightings: Sighting[] = NAMES.map((name, index) => ({
            name,
            count: counts[index] ?? 0,
            ...(name === "supervisor" && excusedUntil !== undefined ? { excusedUntil: millis(excusedUntil) } : {}),
          }));
          const excused = (index: number): boolean => NAMES[index] === "supervisor" && now < (excusedUntil ?? 0);
          const wanted = since.every((count, index) => count > 0 || excused(index)) && sinceFed >= PAUSE;
          const planned = planFeeding(state, sightings, { now: millis(now), pause: PAUSE });
          expect(planned.feed).toBe(wanted);
          ({ state } = planned);
          if (!planned.feed) continue;
          since.fill(0);
          sinceFed = 0;
        }
      }),
    );
  });
});
