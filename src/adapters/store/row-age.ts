// How old a message is, by clocks that may be wrong. Pure.
//
// Within one boot the time since boot tells exactly. Over a reboot only wall clocks can be compared, and only when both
// were set: a device without a battery boots in 1970, or at the time of its last shutdown. Where that is not known a
// message has no age, and does not expire.

import type { ClockState } from "../../domain/outbox.ts";
import { millis, type Millis } from "../../domain/units.ts";

/** The clocks at one moment. */
export interface Now {
  /** Unix milliseconds, as the device knows them. */
  readonly wall: number;
  /** Milliseconds since boot. */
  readonly monotonic: number;
  /** Whether `wall` can be trusted. */
  readonly synced: boolean;
  /** It is known to be wrong. */
  readonly wrong?: boolean;
}

/** A clock that is set anew is another one beyond this; a fraction of a second is drift. */
const TOLERANCE_MS = 1000;

/**
 * What to add to the time since this boot for Unix time, when `known` is what was known so far. While the clock cannot be
 * trusted, what was known before holds; unless it is just this time of which it turns out that it is wrong.
 */
export function bootOffset(known: number | undefined, { wall, monotonic, synced, wrong }: Now): number | undefined {
  const offset = Math.round(wall - monotonic);
  const isKnown = known !== undefined && Math.abs(known - offset) <= TOLERANCE_MS;
  if (synced) return isKnown ? known : offset;
  return isKnown && wrong === true ? undefined : known;
}

/** When a message was accepted. */
export interface Accepted {
  readonly monotonic: number;
  readonly wall: number;
  /** Whether it was in this boot. */
  readonly thisBoot: boolean;
  /** What to add to the time since that boot for Unix time; undefined when the clock was never set in it. */
  readonly offset: number | undefined;
}

/** Unix time of acceptance, set right if the clock was set later in the same boot. */
export function acceptedAt({ monotonic, wall, offset }: Accepted): {
  readonly wall: Millis;
  readonly clock: ClockState;
} {
  if (offset === undefined) return { wall: millis(wall), clock: "unsynced" };
  return { wall: millis(Math.round(offset + monotonic)), clock: "synced" };
}

/** Undefined when nobody can tell. */
export function ageOf(accepted: Accepted, now: Now): Millis | undefined {
  if (accepted.thisBoot) return millis(Math.max(0, now.monotonic - accepted.monotonic));
  if (accepted.offset === undefined || !now.synced) return undefined;
  return millis(Math.max(0, now.wall - acceptedAt(accepted).wall));
}

/** What a person is told of a message that waits. */
export interface Oldest {
  /** Unix time of acceptance. */
  readonly wall: Millis;
  /** Undefined when nobody can tell. */
  readonly age: Millis | undefined;
}

export function oldestOf(accepted: Accepted, now: Now): Oldest {
  return { wall: acceptedAt(accepted).wall, age: ageOf(accepted, now) };
}

export function isExpired(ttl: number | null, accepted: Accepted, now: Now): boolean {
  if (ttl === null) return false;
  const age = ageOf(accepted, now);
  return age !== undefined && age > ttl;
}
