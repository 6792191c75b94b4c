// What the page knows, and what becomes of it with each answer.

import type { PageData } from "../page-data.ts";

export interface PageState extends Omit<PageData, "run"> {
  /** Of the last answer; undefined before the first. */
  readonly run: string | undefined;
  /** Unix time of the last answer of `petiole ui`, by this machine's clock. */
  readonly heardAt: number;
  /** Why `petiole ui` itself cannot be asked, and since when. */
  readonly failure: { readonly reason: string; readonly since: number } | undefined;
}

/** Milliseconds without an answer after which what is shown is no longer called live. */
export const LONGEST_SILENCE = 8000;

/** As many as `petiole ui` keeps. */
export const MOST = { points: 300, events: 100, logs: 256 } as const;

export const EMPTY: PageState = {
  run: undefined,
  tick: 0,
  now: 0,
  isReachable: false,
  since: 0,
  reason: undefined,
  view: undefined,
  points: [],
  events: [],
  logs: [],
  heardAt: 0,
  failure: undefined,
};

/** `at`: Unix time, as `heardAt` has it. */
export function take(state: PageState, data: PageData, at: number): PageState {
  const isSame = state.run === data.run;
  const join = <T extends { readonly tick: number }>(old: readonly T[], more: readonly T[], most: number): T[] => {
    const kept = isSame ? old : [];
    const last = kept.at(-1)?.tick ?? 0;
    // Two answers on their way at once may hold the same.
    return [...kept, ...more.filter(({ tick }) => tick > last)].slice(-most);
  };
  if (isSame && data.tick < state.tick) return state;
  return {
    run: data.run,
    tick: data.tick,
    now: data.now,
    isReachable: data.isReachable,
    since: data.since,
    reason: data.reason,
    // Another run has not heard of the agent yet, perhaps: what is known is shown, as old.
    view: data.view ?? state.view,
    points: join(state.points, data.points, MOST.points),
    events: join(state.events, data.events, MOST.events),
    logs: join(state.logs, data.logs, MOST.logs),
    heardAt: at,
    failure: undefined,
  };
}

export function fail(state: PageState, reason: string, at: number): PageState {
  return { ...state, failure: { reason, since: state.failure?.since ?? at } };
}

/** Whether what is shown is not how it is now. */
export const isStale = (state: PageState): boolean => state.failure !== undefined || !state.isReachable;

/** Whether the next answer is long overdue, as after the page was hidden, or the machine slept. */
export const isLate = (state: PageState, now: number): boolean =>
  state.run !== undefined && now - state.heardAt > LONGEST_SILENCE;

export interface Banner {
  readonly tone: "good" | "warn" | "bad";
  readonly text: string;
}

export interface Seen {
  readonly isPaused: boolean;
  /** Unix time. */
  readonly now: number;
}

/** What stands above everything else. `time` makes a text of a Unix time. */
export function bannerOf(state: PageState, { isPaused, now }: Seen, time: (at: number) => string): Banner {
  const old = state.view === undefined ? "" : " What you see is what it said last.";
  if (state.failure !== undefined) {
    const { reason, since } = state.failure;
    return { tone: "bad", text: `Cannot ask petiole ui since ${time(since)}: ${reason}.${old}` };
  }
  if (state.run === undefined) return { tone: "warn", text: "Asking the agent…" };
  if (!state.isReachable) {
    return {
      tone: "bad",
      text: `Agent not reachable since ${time(state.since)}: ${state.reason ?? "no answer"}.${old}`,
    };
  }
  if (isPaused) return { tone: "warn", text: "Paused. What you see is how it was then." };
  if (isLate(state, now)) {
    return { tone: "warn", text: `Waiting for an answer. What you see is how it was at ${time(state.heardAt)}.` };
  }
  return { tone: "good", text: `Live. The agent answers since ${time(state.since)}.` };
}
