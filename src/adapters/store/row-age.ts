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

export function isExpired(ttl: number | null, accepted: Accepted, now: Now): boolean {
  if (ttl === null) return false;
  const age = ageOf(accepted, now);
  return age !== undefined && age > ttl;
}
