// A day of a station in a few numbers for each sensor.

import type { Reading } from "../../../lib/reading.ts";

export interface SensorDay {
  readonly count: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
}

export interface Day {
  /** Counts the days, from 1. */
  readonly seq: number;
  readonly sensors: Readonly<Record<string, SensorDay>>;
}

export const FIRST_DAY: Day = { seq: 1, sensors: {} };
/** Sensors of one day; those beyond are left out. */
const MOST_SENSORS = 64;

export function add(day: Day, { sensor, value }: Reading): Day {
  // Sensors may be named as what every object has.
  const known = Object.hasOwn(day.sensors, sensor) ? day.sensors[sensor] : undefined;
  const before = known ?? { count: 0, min: value, max: value, sum: 0 };
  if (before.count === 0 && Object.keys(day.sensors).length >= MOST_SENSORS) return day;
  const after = {
    count: before.count + 1,
    min: Math.min(before.min, value),
    max: Math.max(before.max, value),
    sum: before.sum + value,
  };
  return { ...day, sensors: { ...day.sensors, [sensor]: after } };
}

export const nextDay = (day: Day): Day => ({ seq: day.seq + 1, sensors: {} });

/** What the cloud is told. */
export function summaryOf({ seq, sensors }: Day) {
  const told = Object.entries(sensors).map(([name, { count, min, max, sum }]) => [
    name,
    { count, min, max, mean: Math.round((sum / count) * 1000) / 1000 },
  ]);
  return {
    seq,
    sensors: Object.fromEntries(told) as Record<string, { count: number; min: number; max: number; mean: number }>,
  };
}
