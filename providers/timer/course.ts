// How a timer goes through time: by the wall clock, or by the monotonic one.

import type { Clock, Millis } from "#provider";
import { parseCron } from "./cron.ts";
import type { TimerRecord } from "./record.ts";
import { cronSeries, everySeries, type Series } from "./series.ts";
import { createZone } from "./zone.ts";

export interface Course {
  /** False while nothing can be said about what is due. Looks at the clocks: ask before each use of the others. */
  isReady(): boolean;
  readonly series: Series;
  now(): number;
  /** The last time that was dealt with. */
  last: number;
  /** Unix milliseconds; undefined when nobody knows. */
  toWall(time: number): number | undefined;
  /** What is due for so long is not late: the agent was not quite there. */
  readonly tolerance: number;
  /** The clock has to be looked at again after so long. */
  look(): number;
}

export interface CourseDeps {
  readonly clock: Clock;
  readonly isClockTrusted: () => boolean;
  /** Changed when it turns out what was missed. */
  readonly record: TimerRecord;
}

const LOOK = 10_000;
const LONG_LOOK = 3_600_000;
const CRON_TOLERANCE = 60_000;
/** Further back, the clock was wrong before. */
const SET_BACK = 3_600_000;

export function cronCourse(
  { cron, zone, waits }: { readonly cron: string; readonly zone: string | undefined; readonly waits: boolean },
  { clock, isClockTrusted, record }: CourseDeps,
): Course {
  let last = record.last;
  return {
    series: cronSeries(parseCron(cron), createZone(zone)),
    isReady() {
      if (waits && !isClockTrusted()) return false;
      const now = clock.wall();
      // What has fired does not fire again when the clock is set back a little.
      if (last === undefined || now < last - SET_BACK) last = now;
      return true;
    },
    now: () => clock.wall(),
    get last() {
      return last ?? clock.wall();
    },
    set last(time) {
      last = time;
    },
    toWall: (time) => time,
    tolerance: CRON_TOLERANCE,
    look: () => LOOK,
  };
}

/** `since`: when it was last dealt with in this process. `isKept`: the record tells of earlier ones. */
export function everyCourse(
  { period, since, isKept }: { readonly period: Millis; readonly since: number | undefined; readonly isKept: boolean },
  { clock, isClockTrusted, record }: CourseDeps,
): Course {
  const started = clock.monotonic();
  const earlier = record.last;
  let last = since ?? started;
  let series = everySeries(period, last);
  let isAdopted = !isKept || since !== undefined;

  /** Once it is known what time it is, it is known how long the agent was away. */
  function adopt(): void {
    isAdopted = true;
    if (earlier === undefined) return;
    const before = clock.monotonic() - (clock.wall() - earlier);
    if (before > started) return;
    if (last === started) {
      last = before;
      series = everySeries(period, before);
    } else record.missed += Math.floor((started - before) / period);
  }

  return {
    get series() {
      return series;
    },
    isReady() {
      if (!isAdopted && isClockTrusted()) adopt();
      return true;
    },
    now: () => clock.monotonic(),
    get last() {
      return last;
    },
    set last(time) {
      last = time;
    },
    toWall: (time) => (isClockTrusted() ? clock.wall() - (clock.monotonic() - time) : undefined),
    tolerance: period,
    look: () => (isAdopted ? LONG_LOOK : LOOK),
  };
}
