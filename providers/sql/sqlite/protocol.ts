// Between the provider and its thread.

import type { ResultLimits, ResultRow } from "../engine.ts";
import type { FaultKind } from "../sql-fault.ts";
import type { PgValue } from "../values/types.ts";

export interface SqliteWorkerOptions {
  readonly file: string;
  readonly maxSize: number;
  readonly sync: "full" | "normal";
  /** How long another connection's lock is waited for, in milliseconds. */
  readonly busyTimeout: number;
}

export type SqliteRequest =
  | { readonly kind: "query"; readonly sql: string; readonly params: readonly PgValue[]; readonly limits: ResultLimits }
  | { readonly kind: "execute"; readonly sql: string; readonly params: readonly PgValue[] }
  | { readonly kind: "batch"; readonly sql: string }
  | { readonly kind: "prepare"; readonly sql: string }
  | { readonly kind: "close" };

export interface SqliteReplies {
  query: readonly ResultRow[];
  execute: bigint;
  batch: undefined;
  prepare: undefined;
  close: undefined;
}

export interface SqliteCall {
  readonly request: SqliteRequest;
  /** One number, a `Fate`. */
  readonly fate: SharedArrayBuffer;
}

/**
 * What becomes of a request: whoever changes `open` first has decided. `given-up` is written by the provider when time is
 * up, `kept` by the thread just before it commits; so a statement that timed out has changed nothing.
 */
export const FATE = { open: 0, kept: 1, givenUp: 2 } as const;

export type SqliteMessage =
  | { readonly kind: "opened" }
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "done"; readonly value: SqliteReplies[keyof SqliteReplies] }
  | { readonly kind: "fault"; readonly fault: { readonly kind: FaultKind; readonly message: string } };
