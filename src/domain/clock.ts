// Whether the device knows what time it is.

import type { Millis } from "./units.ts";

/** `unsynced`: nobody has confirmed the wall clock. `wrong`: it is known to be wrong. */
export type ClockTrust = "synced" | "unsynced" | "wrong";

/** Who says that the wall clock is right. `configuration`: a person. `rtc`: a battery-backed clock. */
export type ClockWitness = "configuration" | "hub" | "timesyncd" | "chrony" | "rtc";

/** Part of `petiole status`. */
export interface ClockStatus {
  readonly state: ClockTrust;
  /** Unix time as the device knows it. */
  readonly wall: Millis;
  /** Who confirmed it; undefined unless it is synced. */
  readonly by: ClockWitness | undefined;
  /** Why it is not trusted, for people. */
  readonly reason: string | undefined;
  /** How far the hub's clock is ahead of the device's; undefined when the hub did not tell its time. */
  readonly hubOffset: Millis | undefined;
}
