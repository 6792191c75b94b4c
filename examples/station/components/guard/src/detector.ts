// Tells what is out of the ordinary from what is only noise: for each sensor, from its own past.

export interface Settings {
  /** Deviations from the ordinary that are an alarm, in multiples of the usual one. */
  readonly raise: number;
  /** Below so many, it is over. */
  readonly clear: number;
  /** Readings from which the ordinary is learnt before there can be an alarm. */
  readonly learn: number;
  /** The least deviation that is taken for usual: of a value that never moves, everything would be an alarm. */
  readonly noise: number;
}

export interface State {
  /** The last readings, the newest last. */
  readonly recent: readonly number[];
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
  readonly alarm: boolean;
}

export interface Step {
  readonly state: State;
  /** Without the spikes. */
  readonly filtered: number;
  readonly change?: "raised" | "cleared";
}

/** A spike of two readings is in the minority among five. */
const WINDOW = 5;
/** How much of a new reading goes into the ordinary. */
const FACTOR = 0.05;

export function advance(before: State | undefined, value: number, { raise, clear, learn, noise }: Settings): Step {
  const recent = [...(before?.recent ?? []), value].slice(-WINDOW);
  const filtered = median(recent);
  const { count, mean, variance, alarm } = before ?? { count: 0, mean: filtered, variance: 0, alarm: false };
  const distance = filtered - mean;
  const deviations = Math.abs(distance) / Math.max(noise, Math.sqrt(variance));
  const isAlarm = count >= learn && (alarm ? deviations >= clear : deviations > raise);
  // What is an alarm must not become the ordinary, however long it lasts.
  const learnt = isAlarm ? { mean, variance } : learnFrom(mean, variance, distance);
  const state = { recent, count: count + 1, ...learnt, alarm: isAlarm };
  if (isAlarm === alarm) return { state, filtered };
  return { state, filtered, change: isAlarm ? "raised" : "cleared" };
}

function learnFrom(mean: number, variance: number, distance: number): Pick<State, "mean" | "variance"> {
  return { mean: mean + FACTOR * distance, variance: (1 - FACTOR) * (variance + FACTOR * distance * distance) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
