// When a timer is due, and what to do about the times that it missed. Pure: times are numbers of milliseconds, of whatever
// clock the series goes by.

import { localTimes, localTimesBack, type Cron } from "./cron.ts";
import type { Zone } from "./zone.ts";

/** Times at which a timer is due. */
export interface Series {
  /** The first one after `after`. */
  next(after: number): number;
  /** The last one that is not after `until`. */
  latest(until: number): number;
}

/** No zone puts its clocks back further. */
const FURTHEST_BACK = 3 * 3_600_000;

/** A local time that comes twice is due the first time alone. */
export function cronSeries(cron: Cron, zone: Zone): Series {
  return {
    next(after) {
      for (const local of localTimes(cron, zone.toLocal(after))) {
        const instant = zone.toInstant(local);
        if (instant > after) return instant;
      }
      return Infinity;
    },
    latest(until) {
      const shown = zone.toLocal(until);
      // While the clocks show a time again, later ones have been there before.
      const again = zone.toLocal(until - FURTHEST_BACK) + FURTHEST_BACK - shown;
      for (const local of localTimesBack(cron, shown + Math.max(0, again))) {
        const instant = zone.toInstant(local);
        if (instant <= until) return instant;
      }
      return -Infinity;
    },
  };
}

export function everySeries(period: number, anchor: number): Series {
  const latest = (until: number): number => anchor + Math.floor((until - anchor) / period) * period;
  return { next: (after) => latest(after) + period, latest };
}

/** More are not counted. */
export const MOST_COUNTED = 1000;

/** What is due after one time, up to another one. */
export interface Due {
  readonly count: number;
  /** The newest of them, oldest first. */
  readonly newest: readonly number[];
}

export function dueBetween(series: Series, after: number, until: number, keep: number): Due {
  const newest: number[] = [];
  let count = 0;
  for (let at = series.latest(until); at > after && count < MOST_COUNTED; at = series.latest(at - 1)) {
    count += 1;
    if (newest.length < keep) newest.unshift(at);
  }
  return { count, newest };
}

/** What to do about times at which the timer should have fired. */
export const CATCH_UPS = ["skip", "once", "all"] as const;
export type CatchUp = (typeof CATCH_UPS)[number];

export interface PlannedFiring {
  readonly at: number;
  /** Left out since the one before. */
  readonly missed: number;
}

export interface FiringPlan {
  /** Oldest first. */
  readonly firings: readonly PlannedFiring[];
  /** Left out after the last of them. */
  readonly missed: number;
}

export interface PlanOptions {
  readonly now: number;
  /** What is due for no longer than this is no miss. */
  readonly tolerance: number;
  readonly policy: CatchUp;
  /** Left out before. */
  readonly missed: number;
}

export function planFirings({ count, newest }: Due, { now, tolerance, policy, missed }: PlanOptions): FiringPlan {
  const last = newest.at(-1);
  if (last === undefined) return { firings: [], missed };
  const bound = (number: number): number => Math.min(number, MOST_COUNTED);
  if (policy === "all") {
    const before = bound(missed + count - newest.length);
    return { firings: newest.map((at, index) => ({ at, missed: index === 0 ? before : 0 })), missed: 0 };
  }
  const isInTime = now - last <= tolerance;
  if (policy === "skip" && !isInTime) return { firings: [], missed: bound(missed + count) };
  return { firings: [{ at: last, missed: bound(missed + count - 1) }], missed: 0 };
}
