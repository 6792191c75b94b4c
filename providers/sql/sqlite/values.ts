// Values as SQLite keeps them. What it has no kind of its own for is text, in PostgreSQL's form; what a column was declared
// as says how that is read.

import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import { paramsFault } from "../sql-fault.ts";
import { joinDouble, joinSingle, splitDouble, splitSingle, type SplitFloat } from "../values/floats.ts";
import { fromText, readingOfDeclared, toText, type PgValue, type Reading } from "../values/types.ts";

const WHOLE = new Set(
  "big-int int8 big-serial serial8 integer int int4 serial serial4 small-int int2 small-serial serial2 txid-snapshot".split(
    " ",
  ),
);
const DOUBLES = new Set(["double", "float8"]);
const SINGLES = new Set(["real", "float4"]);

function float(value: number): number {
  if (Number.isNaN(value)) throw paramsFault("SQLite has no NaN");
  return value;
}

/** @throws SqlFault */
export function toSqlite(value: PgValue): SQLInputValue {
  const { tag, val } = value;
  // Typed by WIT: the case says what there is.
  if (WHOLE.has(tag)) return BigInt(val as number | bigint);
  if (DOUBLES.has(tag)) return float(joinDouble(val as SplitFloat));
  if (SINGLES.has(tag)) return float(joinSingle(val as SplitFloat));
  if (tag === "bool" || tag === "boolean") return val === true ? 1n : 0n;
  if (tag === "bytea") return val as Uint8Array;
  return toText(value) ?? null;
}

const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int2: [-0x8000n, 0x7fffn],
  int4: [-0x8000_0000n, 0x7fff_ffffn],
  int8: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** By what it is, whatever its column was declared as. */
function asStored(value: Exclude<SQLOutputValue, null>): PgValue {
  if (typeof value === "bigint") return { tag: "int8", val: value };
  if (typeof value === "number") return { tag: "float8", val: splitDouble(value) };
  if (typeof value === "string") return { tag: "text", val: value };
  return { tag: "bytea", val: value };
}

function asDeclared({ tag, codec }: Reading, value: Exclude<SQLOutputValue, null>): PgValue | undefined {
  const range = RANGES[tag];
  if (typeof value === "bigint" && range !== undefined) {
    if (value < range[0] || value > range[1]) return undefined;
    return { tag, val: tag === "int8" ? value : Number(value) };
  }
  if (typeof value === "bigint" && tag === "bool")
    return value === 0n || value === 1n ? { tag, val: value === 1n } : undefined;
  if (typeof value === "bigint" || typeof value === "number") {
    if (tag === "float8") return { tag, val: splitDouble(Number(value)) };
    if (tag === "float4") return { tag, val: splitSingle(Number(value)) };
    // Columns of these kinds keep what looks like a number as one.
    if (["numeric", "json", "jsonb", "money"].includes(tag)) return { tag, val: String(value) };
    return undefined;
  }
  if (typeof value !== "string" || range !== undefined || tag === "bytea") return undefined;
  try {
    // What is no value of its type fails to be written again.
    const read = fromText({ tag, codec }, value);
    return toText(read) === undefined ? undefined : read;
  } catch {
    return undefined;
  }
}

/** Reads the values of a column by what it was declared as; what is nothing of the kind is given as it is stored. */
export function columnReader(declared: string | null): (value: SQLOutputValue) => PgValue {
  const reading = declared === null ? undefined : readingOfDeclared(declared);
  return (value) => {
    if (value === null) return { tag: "null" };
    return (reading === undefined ? undefined : asDeclared(reading, value)) ?? asStored(value);
  };
}

/** About what a value takes, in bytes. */
export function sizeOf(value: SQLOutputValue): number {
  if (value === null) return 0;
  if (typeof value === "string") return Buffer.byteLength(value);
  return typeof value === "object" ? value.byteLength : 8;
}
