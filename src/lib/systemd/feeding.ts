// When the watchdog of the service manager may be fed: a decision about counts and times, without a clock.

import type { Millis } from "../../domain/units.ts";

/** What is known of one part of the agent without which it does no work. */
export interface Sighting {
  readonly name: string;
  /** Grows with what the part gets done. */
  readonly count: number;
  /** Until then it may get nothing done: it is at something that is known to take long, and to have an end. */
  readonly excusedUntil?: Millis | undefined;
}

export interface FeedingState {
  readonly fedAt: Millis;
  /** What each part had done then. */
  readonly counts: ReadonlyMap<string, number>;
}

export interface Feeding {
  readonly feed: boolean;
  /** The parts that have got nothing done since it was fed. */
  readonly late: readonly string[];
  readonly state: FeedingState;
}

/** Feeds when every part has got something done since the last time, and `pause` has gone by. */
export function planFeeding(
  state: FeedingState,
  sightings: readonly Sighting[],
  { now, pause }: { readonly now: Millis; readonly pause: Millis },
): Feeding {
  const late = sightings.filter((one) => !hasProgressed(one, state, now)).map(({ name }) => name);
  const feed = late.length === 0 && now - state.fedAt >= pause;
  if (!feed) return { feed, late, state };
  return { feed, late, state: { fedAt: now, counts: new Map(sightings.map(({ name, count }) => [name, count])) } };
}

function hasProgressed({ name, count, excusedUntil }: Sighting, { counts }: FeedingState, now: Millis): boolean {
  return count > (counts.get(name) ?? 0) || (excusedUntil !== undefined && now < excusedUntil);
}
