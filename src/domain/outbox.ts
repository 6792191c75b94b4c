// Shapes of the store-and-forward path between the device and the hub.

import type { Bytes, Millis } from "./units.ts";

/** `critical`: durable when `publish` returns. `standard`: durable within the commit interval. */
export const LANES = ["critical", "standard"] as const;
export type Lane = (typeof LANES)[number];

export interface OutboxMessage {
  readonly lane: Lane;
  /** The component's subject, such as `readings.boiler`; the forwarder puts the device and the lane before it. */
  readonly subject: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  /** Who published it, for quotas: a component's id, or what stands for a process outside. */
  readonly owner?: string | undefined;
  /** Worth sending for so long; the lane's own limit unless given. */
  readonly ttl?: Millis | undefined;
}

/**
 * What `publish` can promise at the moment it returns. `durable`: on disk. `buffered`: on disk or at the hub within the
 * lane's commit interval. `volatile`: in memory only. What is not accepted throws a typed error instead.
 */
export type PublishOutcome = "durable" | "buffered" | "volatile";

/** Of an accepted message. */
export interface PublishReceipt {
  readonly outcome: PublishOutcome;
  readonly seq: number;
}

/** A stored message. `seq` is device-wide, grows by at least one with each message and is never used twice. */
export interface OutboxRow extends OutboxMessage {
  readonly seq: number;
  /** Identity of the boot in which it was accepted, from the kernel. */
  readonly bootId: string;
  /** Time since boot when it was accepted. */
  readonly monotonic: Millis;
  /** Unix time when it was accepted, as the device knew it then. */
  readonly wall: Millis;
}

/**
 * `cap`: dropped to keep the outbox within its size. `corrupt`: the stored row failed its checksum. `refused`: the hub
 * will never take it, such as one larger than its limit. `unknown`: a damaged store was replaced; rows within the range
 * may have been in it, so `count` and `bytes` are what is certain: 0. `expired`: older than it was worth sending.
 * `shed`: not accepted, its publisher was told. `hub-lost`: the hub lost it after acknowledging it, and it is not held
 * any more. `exported`: handed over in a file.
 */
export type LossReason = "cap" | "corrupt" | "refused" | "unknown" | "expired" | "shed" | "hub-lost" | "exported";

/**
 * Messages of one lane that the device gave up: `count` rows with sequences within `from..to`. It is an upper bound of
 * the loss: a row that was already sent, but whose acknowledgement was lost with the link or the power, may have
 * reached the hub after all.
 */
export interface LedgerEntry {
  readonly id: number;
  readonly lane: Lane;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly bytes: Bytes;
  readonly reason: LossReason;
  readonly wall: Millis;
}

export interface LaneStats {
  readonly lane: Lane;
  /** Rows that the hub has not acknowledged, those still in memory included. */
  readonly rows: number;
  readonly bytes: Bytes;
  /** Acceptance time of the oldest of them. */
  readonly oldest: Millis | undefined;
  /** Highest sequence that the hub has acknowledged. */
  readonly acknowledged: number;
  /** Rows ever dropped, by the ledger. */
  readonly dropped: number;
}

export interface OutboxStats {
  readonly lanes: readonly LaneStats[];
  readonly bytes: Bytes;
  readonly cap: Bytes;
  /** Highest sequence handed out. */
  readonly lastSeq: number;
  readonly commits: number;
}
