// What each lane promises, and what it may take. The values that are set here are the defaults of the configuration.

import type { Lane } from "./outbox.ts";
import { bytes, days, kibibytes, mebibytes, minutes, seconds, type Bytes, type Millis } from "./units.ts";

/**
 * What happens to a new message when its lane is full. `refuse`: other lanes make room, then the publisher gets
 * ERR_OUTBOX_FULL. `drop-oldest`: the oldest make room. `shed`: the publisher gets ERR_OUTBOX_SHED.
 */
export type WhenFull = "refuse" | "drop-oldest" | "shed";

export interface LanePolicy {
  /** How long a message is worth sending; undefined for ever. */
  readonly ttl: Millis | undefined;
  /** What its waiting messages may take. */
  readonly maxBytes: Bytes;
  readonly whenFull: WhenFull;
  /** Longest that a message waits for a commit it shares with others: what a power cut may cost. */
  readonly commitInterval: Millis;
  /** So many waiting messages are committed without waiting longer. */
  readonly commitRows: number;
}

export type LanePolicies = Readonly<Record<Lane, LanePolicy>>;

/** Share of the outbox that `standard` may take; what is above it is for `critical` alone. */
const STANDARD_SHARE = 0.85;

export function defaultLanePolicies(cap: Bytes): LanePolicies {
  const group = { commitInterval: seconds(1), commitRows: 128 };
  return {
    critical: { ttl: undefined, maxBytes: cap, whenFull: "refuse", ...group },
    standard: {
      ttl: days(7),
      maxBytes: bytes(Math.floor(cap * STANDARD_SHARE)),
      whenFull: "drop-oldest",
      ...group,
    },
    latest: {
      ttl: minutes(60),
      maxBytes: bytes(Math.min(mebibytes(4), Math.floor(cap / 16))),
      whenFull: "drop-oldest",
      commitInterval: seconds(30),
      commitRows: 10_000,
    },
    ephemeral: { ttl: seconds(60), maxBytes: kibibytes(1024), whenFull: "drop-oldest", ...group },
  };
}

/** How long rows that the hub acknowledged are kept: longer than a hub takes to write to its disk, 2 minutes by default. */
export const DEFAULT_HUB_HOLD = seconds(150);
