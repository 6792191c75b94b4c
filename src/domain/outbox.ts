// Shapes of the store-and-forward path between the device and the hub.

import type { Bytes, Millis } from "./units.ts";

/**
 * Most urgent first. `critical`: durable when `publish` returns. `standard`: durable, or at the hub, within the commit
 * interval. `latest`: the last message of each subject only. `ephemeral`: never on disk.
 */
export const LANES = ["critical", "standard", "latest", "ephemeral"] as const;
export type Lane = (typeof LANES)[number];
/** The lanes that keep every message on disk until the hub has it. */
export const STORED_LANES = ["critical", "standard"] as const satisfies readonly Lane[];
export type StoredLane = (typeof STORED_LANES)[number];

export function isStoredLane(lane: Lane): lane is StoredLane {
  return lane === "critical" || lane === "standard";
}

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
  /** Unix time when it was accepted: as the device knew it then, or set right since its clock was set in that boot. */
  readonly wall: Millis;
  /** Whether `wall` can be trusted. */
  readonly clock: ClockState;
}

/** Whether the device's clock was set, by a battery-backed clock, by NTP or by the hub. */
export type ClockState = "synced" | "unsynced";

/** How far the hub got with a lane. */
export interface Delivered {
  /** Highest sequence that the hub has acknowledged, 0 when there is none. */
  readonly seq: number;
  /** Sequence that the hub's stream gave to that message; undefined when it was not told. */
  readonly hubSeq: number | undefined;
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
  /** Whether a message about it is on its way to the hub. Such an entry does not change any more. */
  readonly reported: boolean;
}

export interface LaneStats {
  readonly lane: Lane;
  /** Rows that the hub has not acknowledged, those still in memory included. */
  readonly rows: number;
  readonly bytes: Bytes;
  /** Acceptance time of the oldest of them, as well as the device knows it. */
  readonly oldest: Millis | undefined;
  /** How old it is; undefined also when the clock was not set then, or is not now. */
  readonly oldestAge: Millis | undefined;
  /** Highest sequence that the hub has acknowledged. */
  readonly acknowledged: number;
  /** Rows ever dropped, by the ledger. */
  readonly dropped: number;
  /** Since the start: messages accepted, and of those acknowledged by the hub before they were written to disk. */
  readonly accepted: number;
  readonly elided: number;
  /** Since the start: messages that a newer one of their subject replaced (lane `latest`). */
  readonly superseded: number;
}

/** Where the store keeps its data, and how it does. */
export interface StoreHealth {
  /** `memory`: the medium cannot be written, so nothing survives the process. */
  readonly mode: "disk" | "memory";
  /** Why it is not on disk, or why commits fail now; for people. */
  readonly reason: string | undefined;
  readonly commits: number;
  /** Time of the last commits, flush included: median and 99th percentile. */
  readonly commitTime: { readonly p50: Millis; readonly p99: Millis } | undefined;
}

export interface OutboxStats {
  readonly lanes: readonly LaneStats[];
  /** Of all waiting rows. */
  readonly bytes: Bytes;
  /** In segments on disk, with rows that are held until the hub has surely written them. */
  readonly stored: Bytes;
  readonly cap: Bytes;
  /** Highest sequence handed out. */
  readonly lastSeq: number;
  /** Whether the device's clock is set. */
  readonly clock: ClockState;
  readonly store: StoreHealth;
}
