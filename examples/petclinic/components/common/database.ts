// The few values that the clinic stores, to and from the cases of `wasmcloud:postgres`. Both databases know the statements.

import type { PgValue, ResultRow } from "wasmcloud:postgres/query@0.1.1-draft";
import type { CalendarDate } from "./calendar.ts";

export interface Database {
  readonly query: (statement: string, params: PgValue[]) => Row[];
  /** Statements without parameters, all or none. */
  readonly batch: (statements: string) => void;
}

/** The interface as the world has it. */
export interface Query {
  readonly query: (statement: string, params: PgValue[]) => ResultRow[];
  readonly queryBatch: (statements: string) => void;
}

export const openDatabase = ({ query, queryBatch }: Query): Database => ({
  query: (statement, params) => query(statement, params).map(readRow),
  batch: queryBatch,
});

export const text = (value: string): PgValue => ({ tag: "text", val: value });
export const int = (value: number): PgValue => ({ tag: "int8", val: value });
export const day = ({ year, month, day }: CalendarDate): PgValue => ({
  tag: "date",
  val: { tag: "ymd", val: [year, month, day] },
});

/** `$1, $2, …` for a list of values, counted from the first that is free. */
export const placeholders = (count: number, first = 1): string =>
  Array.from({ length: count }, (_, index) => `$${first + index}`).join(", ");

/** Columns by name, each read as what it is expected to be. */
export interface Row {
  text(column: string): string;
  int(column: string): number;
  day(column: string): CalendarDate;
}

function readRow(row: ResultRow): Row {
  const values = new Map(row.map(({ columnName, value }) => [columnName, value]));
  const wrong = (column: string, want: string): Error =>
    new Error(`Cannot read the column "${column}": found ${values.get(column)?.tag ?? "none"}, want ${want}`);
  return {
    text(column) {
      const value = values.get(column);
      if (value?.tag !== "text") throw wrong(column, "text");
      return value.val;
    },
    int(column) {
      const value = values.get(column);
      if (value?.tag !== "int8") throw wrong(column, "int8");
      return value.val;
    },
    day(column) {
      const value = values.get(column);
      if (value?.tag !== "date" || value.val.tag !== "ymd") throw wrong(column, "a date");
      const [year, month, day] = value.val.val;
      return { year, month, day };
    },
  };
}
