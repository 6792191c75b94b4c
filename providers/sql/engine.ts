import type { PgValue } from "./values/types.ts";

export interface ResultLimits {
  readonly rows: number;
  readonly bytes: number;
}

/** The record `result-row-entry`. */
export interface RowEntry {
  readonly columnName: string;
  readonly value: PgValue;
}
export type ResultRow = readonly RowEntry[];

/** A database, for all links of a provider. Every function throws `SqlFault`. */
export interface SqlEngine {
  /** Runs one statement. A result larger than the limits is a failure, and then the statement changed nothing. */
  query(sql: string, params: readonly PgValue[], limits: ResultLimits): Promise<readonly ResultRow[]>;
  /** Runs one statement that was checked before, and tells how many rows it concerned. */
  execute(sql: string, params: readonly PgValue[]): Promise<bigint>;
  /** Runs statements: all of them, or none when one fails. */
  batch(sql: string): Promise<void>;
  /** Checks a statement without running it. */
  prepare(sql: string): Promise<void>;
}
