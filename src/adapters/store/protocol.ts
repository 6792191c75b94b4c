// What main thread and store worker say to each other. Both sides are of one version: nothing here is persisted.

import type { ErrorCode } from "../../domain/errors.ts";
import type { Delivered, Lane, LedgerEntry, LossReason, StoredLane } from "../../domain/outbox.ts";
import type { CounterBounds } from "../../lib/counter.ts";
import type { LogFields, LogLevel } from "../../lib/log.ts";
import type { Boot } from "./boots.ts";
import type { Now, Oldest } from "./row-age.ts";
import type { RowBatch } from "./row-batch.ts";
import type { RowRecord } from "./row.ts";

export interface WorkerOptions {
  /** Undefined: in memory. */
  readonly dir: string | undefined;
  readonly bootId: string;
  readonly now: Now;
  /** Cap over all lanes, in bytes. */
  readonly cap: number;
  /** What waiting rows of each lane may take, in bytes. */
  readonly laneCaps: Readonly<Record<StoredLane, number>>;
}

export type LaneValues = Readonly<Partial<Record<Lane, number>>>;

export type Write =
  | { readonly kind: "set"; readonly bucket: string; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly bucket: string; readonly key: string }
  | {
      readonly kind: "increment";
      readonly bucket: string;
      readonly key: string;
      readonly delta: bigint;
      readonly bounds?: CounterBounds | undefined;
    }
  | {
      readonly kind: "swap";
      readonly bucket: string;
      readonly key: string;
      readonly expected: Uint8Array | undefined;
      readonly value: Uint8Array;
    }
  | { readonly kind: "put-state"; readonly name: string; readonly value: string | undefined };

export type WriteResult =
  | { readonly ok: true; readonly value: bigint | undefined }
  | { readonly ok: false; readonly message: string };

/** Messages of one lane that were given up before they reached the database. */
export interface MemoryLoss {
  readonly lane: Lane;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly bytes: number;
  readonly reason: LossReason;
}

/** One transaction. */
export interface CommitRequest {
  readonly kind: "commit";
  readonly now: Now;
  /** Of the stored lanes, in order of their sequence. */
  readonly rows: readonly RowRecord[];
  /** Newest messages of lane `latest` by subject. */
  readonly latest: readonly RowRecord[];
  /** Subjects of lane `latest` whose stored message, up to this sequence, is not needed any more. */
  readonly latestDone: readonly { readonly subject: string; readonly seq: number }[];
  /** Highest sequence handed out. */
  readonly lastSeq: number;
  readonly acknowledged: Readonly<Partial<Record<Lane, Delivered>>>;
  /** Highest sequence of each lane that was offered to the forwarder. */
  readonly offered: LaneValues;
  /** Acknowledged rows up to here need not be held any more. */
  readonly released: LaneValues;
  readonly losses: readonly MemoryLoss[];
  /** A report about the ledger is to be stored as a message of this sequence, when there is something to report. */
  readonly reportSeq: number | undefined;
  readonly writes: readonly Write[];
  /** Rows among `rows` that come in together with a note of them, or not at all. */
  readonly groups: readonly RowGroup[];
}

export interface RowGroup {
  readonly seqs: readonly number[];
  readonly note: Write;
}

/** What the database holds of a lane that waits. */
export interface StoredLaneState {
  readonly rows: number;
  readonly bytes: number;
  readonly owners: Readonly<Record<string, number>>;
  readonly acknowledged: number;
  /** Highest sequence in it, 0 when it is empty. */
  readonly last: number;
  /** Once rows up to here need not be held any more, a segment can go; 0 when there is none. */
  readonly nextRelease: number;
}

/** What the database holds, as of the last commit. */
export interface StoredState {
  readonly lanes: Readonly<Record<StoredLane, StoredLaneState>>;
  readonly stored: number;
  /** Sequences up to this one are reserved on disk, so none of them can be given out again. */
  readonly floor: number;
  /** The ledger holds what no report told yet. */
  readonly unreported: boolean;
}

export interface CommitReply extends StoredState {
  /** Sequences of `critical` rows that found no room, and of what was to come in together with them. */
  readonly refused: readonly number[];
  /** One for each write. */
  readonly writes: readonly WriteResult[];
  /** Lanes that have new rows to read. */
  readonly readable: readonly Lane[];
  /** Much of the file is empty: vacuuming would give space back. */
  readonly spacious: boolean;
}

/** The hub lost what lies above `to`. */
export interface RewindRequest {
  readonly kind: "rewind";
  readonly now: Now;
  readonly lane: StoredLane;
  readonly to: Delivered;
  /** Rows above `to` that the hub had acknowledged before they were written, oldest first. */
  readonly rows: readonly RowRecord[];
  /** Rows up to here are gone from memory. */
  readonly gone: number;
}

export interface ReadReply {
  readonly rows: RowBatch;
  /** No row of the database lies behind the last one. */
  readonly complete: boolean;
  /** Reading found damaged or expired rows. */
  readonly state: StoredState | undefined;
}

export interface LaneOverview {
  /** Waiting rows in the database. */
  readonly rows: number;
  readonly bytes: number;
  readonly oldest: Oldest | undefined;
  readonly dropped: number;
}

export interface StatsReply {
  readonly lanes: Readonly<Record<Lane, LaneOverview>>;
  readonly state: StoredState;
  readonly commits: number;
  readonly commitTime: { readonly p50: number; readonly p99: number } | undefined;
}

export type Request =
  | CommitRequest
  | RewindRequest
  | {
      readonly kind: "read";
      readonly now: Now;
      readonly lane: StoredLane;
      readonly after: number;
      readonly rows: number;
      readonly bytes: number;
      /** Whether the rows may be on their way to the hub from now on. */
      readonly offers: boolean;
    }
  | { readonly kind: "refuse"; readonly now: Now; readonly lane: StoredLane; readonly seq: number }
  | {
      readonly kind: "hand-over";
      readonly now: Now;
      readonly id: string;
      readonly upTo: LaneValues;
    }
  | { readonly kind: "stats"; readonly now: Now; readonly acknowledged: LaneValues }
  | { readonly kind: "ledger" }
  | { readonly kind: "get"; readonly bucket: string; readonly key: string }
  | { readonly kind: "has"; readonly bucket: string; readonly key: string }
  | { readonly kind: "keys"; readonly bucket: string; readonly after: string | undefined; readonly limit: number }
  | { readonly kind: "get-state"; readonly name: string }
  | { readonly kind: "vacuum"; readonly pages: number }
  | { readonly kind: "release-memory" }
  | { readonly kind: "close"; readonly lastSeq: number };

export type RequestKind = Request["kind"];
export type RequestOf<K extends RequestKind> = Extract<Request, { kind: K }>;

export interface Replies {
  readonly commit: CommitReply;
  readonly rewind: StoredState;
  readonly read: ReadReply;
  readonly refuse: StoredState;
  readonly "hand-over": StoredState & { readonly handedOver: number };
  readonly stats: StatsReply;
  readonly ledger: readonly LedgerEntry[];
  readonly get: Uint8Array | undefined;
  readonly has: boolean;
  readonly keys: readonly string[];
  readonly "get-state": string | undefined;
  /** Whether more can be given back. */
  readonly vacuum: boolean;
  readonly "release-memory": undefined;
  readonly close: undefined;
}

/** What the worker found when it opened the database. */
export interface Opened extends StoredState {
  readonly storeId: string;
  readonly lastSeq: number;
  readonly delivered: Readonly<Record<Lane, Delivered>>;
  /** What to add to the time since this boot for Unix time, if an earlier process knew. */
  readonly bootOffset: number | undefined;
  /** Lane `latest` as it was stored, oldest first. */
  readonly latest: readonly LoadedRow[];
}

/** A row that an earlier process stored. */
export interface LoadedRow {
  readonly row: RowRecord;
  readonly boot: Boot;
  readonly thisBoot: boolean;
}

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  /** The medium cannot be written. */
  readonly unwritable?: boolean;
}

export interface Envelope {
  readonly id: number;
  readonly request: Request;
}

/** A log line of the worker; the main thread writes it. */
export interface Notice {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export type WorkerMessage =
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "refused"; readonly error: WireError }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "reply"; readonly id: number; readonly ok: true; readonly value: Replies[RequestKind] }
  | { readonly kind: "reply"; readonly id: number; readonly ok: false; readonly error: WireError };
