// What main thread and store worker say to each other. Both sides are of one version: nothing here is persisted.

import type { ErrorCode } from "../../domain/errors.ts";
import type { Lane, LedgerEntry, OutboxRow, OutboxStats } from "../../domain/outbox.ts";
import type { LogFields, LogLevel } from "../../lib/log.ts";
import type { RowRecord } from "./row.ts";

export interface WorkerOptions {
  readonly dir: string;
  readonly bootId: string;
  readonly wall: number;
  /** Cap over all lanes, in bytes. */
  readonly cap: number;
}

export type LaneValues = Readonly<Partial<Record<Lane, number>>>;

export type Write =
  | { readonly kind: "set"; readonly bucket: string; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly bucket: string; readonly key: string }
  | { readonly kind: "increment"; readonly bucket: string; readonly key: string; readonly delta: bigint }
  | { readonly kind: "put-state"; readonly name: string; readonly value: string | undefined };

export type WriteResult =
  | { readonly ok: true; readonly value: bigint | undefined }
  | { readonly ok: false; readonly message: string };

/** One transaction. `wall` is the time for entries of the ledger. */
export interface CommitRequest {
  readonly kind: "commit";
  readonly wall: number;
  /** In order of their sequence. */
  readonly rows: readonly RowRecord[];
  /** Highest sequence handed out. */
  readonly lastSeq: number;
  readonly acknowledged: LaneValues;
  readonly writes: readonly Write[];
}

export interface CommitReply {
  /** Sequences of `critical` rows that found no room. */
  readonly refused: readonly number[];
  /** One for each write. */
  readonly writes: readonly WriteResult[];
  /** Lanes that have new rows to read. */
  readonly readable: readonly Lane[];
  readonly criticalBytes: number;
  /** Acknowledged rows wait for deletion, in a further commit. */
  readonly unswept: boolean;
  /** Much of the file is empty: vacuuming would give space back. */
  readonly spacious: boolean;
}

export type Request =
  | CommitRequest
  | {
      readonly kind: "read";
      readonly wall: number;
      readonly lane: Lane;
      readonly after: number;
      readonly rows: number;
      readonly bytes: number;
    }
  | { readonly kind: "refuse"; readonly wall: number; readonly lane: Lane; readonly seq: number }
  | { readonly kind: "stats"; readonly acknowledged: LaneValues }
  | { readonly kind: "ledger" }
  | { readonly kind: "get"; readonly bucket: string; readonly key: string }
  | { readonly kind: "has"; readonly bucket: string; readonly key: string }
  | { readonly kind: "keys"; readonly bucket: string; readonly after: string | undefined; readonly limit: number }
  | { readonly kind: "get-state"; readonly name: string }
  | { readonly kind: "vacuum"; readonly pages: number }
  | { readonly kind: "close"; readonly lastSeq: number };

export type RequestKind = Request["kind"];
export type RequestOf<K extends RequestKind> = Extract<Request, { kind: K }>;

export interface Replies {
  readonly commit: CommitReply;
  readonly read: readonly OutboxRow[];
  readonly refuse: undefined;
  readonly stats: OutboxStats;
  readonly ledger: readonly LedgerEntry[];
  readonly get: Uint8Array | undefined;
  readonly has: boolean;
  readonly keys: readonly string[];
  readonly "get-state": string | undefined;
  /** Whether more can be given back. */
  readonly vacuum: boolean;
  readonly close: undefined;
}

/** What the worker found when it opened the database. */
export interface Opened {
  readonly storeId: string;
  readonly lastSeq: number;
  readonly acknowledged: Readonly<Record<Lane, number>>;
  readonly criticalBytes: number;
}

export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
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
