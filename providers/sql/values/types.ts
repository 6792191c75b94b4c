// The cases of `pg-value`, and which of PostgreSQL's types each stands for.

import { bit, bytea, char, hardwareAddress, varbit, varchar } from "./bytes.ts";
import { asText, bigInteger, boolean, integer, json, matching, type Codec } from "./codec.ts";
import { double, single } from "./floats.ts";
import { arrayOf, hstore, lexemes, logPosition, money, snapshot, vector } from "./lists.ts";
import { box, circle, line, path, point, polygon, segment } from "./shapes.ts";
import { date, dateRange, time, timestamp, timestampTz, timeTz } from "./times.ts";

/** A value of the contract's variant, in its JavaScript mapping. */
export interface PgValue {
  readonly tag: string;
  readonly val?: unknown;
}

interface Type {
  /** Its case in results. */
  readonly tag: string;
  readonly oid: number;
  readonly codec: Codec;
  /** Further cases for the same type, which parameters may have. */
  readonly also?: readonly string[];
  /** As declarations of columns name it. */
  readonly names: readonly string[];
  readonly array?: { readonly tag: string; readonly oid: number; readonly delimiter?: string };
}

const numeric = matching("number", /^([+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|[+-]?inf(inity)?)$/i);
const uuid = matching("UUID", /^\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$/i);

const array = (tag: string, oid: number, delimiter?: string): NonNullable<Type["array"]> => ({
  tag: `${tag}-array`,
  oid,
  ...(delimiter === undefined ? {} : { delimiter }),
});

/** Values of the contract are typed by WIT alone: their codec is found by their case. */
const TYPES: readonly Type[] = [
  { tag: "bool", oid: 16, codec: boolean, names: ["bool", "boolean"], also: ["boolean"], array: array("bool", 1000) },
  { tag: "bytea", oid: 17, codec: bytea, names: ["bytea", "blob"], array: array("bytea", 1001) },
  { tag: "char", oid: 1042, codec: char, names: ["char", "character", "bpchar"], array: array("char", 1014) },
  { tag: "name", oid: 19, codec: asText, names: ["name"], array: array("name", 1003) },
  {
    tag: "int8",
    oid: 20,
    codec: bigInteger,
    names: ["int8", "bigint", "bigserial", "serial8"],
    also: ["big-int", "big-serial", "serial8"],
    array: array("int8", 1016),
  },
  {
    tag: "int2",
    oid: 21,
    codec: integer,
    names: ["int2", "smallint", "smallserial", "serial2"],
    also: ["small-int", "small-serial", "serial2"],
    array: array("int2", 1005),
  },
  { tag: "int2-vector", oid: 22, codec: vector, names: [], array: array("int2-vector", 1006) },
  {
    tag: "int4",
    oid: 23,
    codec: integer,
    names: ["int4", "integer", "int", "serial", "serial4"],
    also: ["integer", "int", "serial", "serial4"],
    array: array("int4", 1007),
  },
  { tag: "text", oid: 25, codec: asText, names: ["text"], array: array("text", 1009) },
  { tag: "json", oid: 114, codec: json, names: ["json"], array: array("json", 199) },
  { tag: "xml", oid: 142, codec: asText, names: ["xml"], array: array("xml", 143) },
  { tag: "point", oid: 600, codec: point, names: ["point"], array: array("point", 1017) },
  { tag: "lseg", oid: 601, codec: segment, names: ["lseg"], array: array("lseg", 1018) },
  { tag: "path", oid: 602, codec: path, names: ["path"], array: array("path", 1019) },
  { tag: "box", oid: 603, codec: box, names: ["box"], array: array("box", 1020, ";") },
  { tag: "polygon", oid: 604, codec: polygon, names: ["polygon"], array: array("polygon", 1027) },
  { tag: "line", oid: 628, codec: line, names: ["line"], array: array("line", 629) },
  { tag: "cidr", oid: 650, codec: asText, names: ["cidr"], array: array("cidr", 651) },
  { tag: "float4", oid: 700, codec: single, names: ["float4", "real"], also: ["real"], array: array("float4", 1021) },
  {
    tag: "float8",
    oid: 701,
    codec: double,
    names: ["float8", "double precision", "double", "float"],
    also: ["double"],
    array: array("float8", 1022),
  },
  { tag: "circle", oid: 718, codec: circle, names: ["circle"], array: array("circle", 719) },
  { tag: "macaddr8", oid: 774, codec: hardwareAddress, names: ["macaddr8"], array: array("macaddr8", 775) },
  { tag: "money", oid: 790, codec: money, names: ["money"], array: array("money", 791) },
  { tag: "macaddr", oid: 829, codec: hardwareAddress, names: ["macaddr"], array: array("macaddr", 1040) },
  { tag: "inet", oid: 869, codec: asText, names: ["inet"], array: array("inet", 1041) },
  { tag: "varchar", oid: 1043, codec: varchar, names: ["varchar", "character varying"], array: array("varchar", 1015) },
  { tag: "date", oid: 1082, codec: date, names: ["date"], array: array("date", 1182) },
  { tag: "time", oid: 1083, codec: time, names: ["time", "time without time zone"], array: array("time", 1183) },
  {
    tag: "timestamp",
    oid: 1114,
    codec: timestamp,
    names: ["timestamp", "timestamp without time zone"],
    array: array("timestamp", 1115),
  },
  {
    tag: "timestamp-tz",
    oid: 1184,
    codec: timestampTz,
    names: ["timestamptz", "timestamp with time zone"],
    array: array("timestamp-tz", 1185),
  },
  { tag: "time-tz", oid: 1266, codec: timeTz, names: ["timetz", "time with time zone"], array: array("time-tz", 1270) },
  { tag: "bit", oid: 1560, codec: bit, names: ["bit"], array: array("bit", 1561) },
  {
    tag: "varbit",
    oid: 1562,
    codec: varbit,
    names: ["varbit", "bit varying"],
    also: ["bit-varying"],
    array: array("varbit", 1563),
  },
  {
    tag: "numeric",
    oid: 1700,
    codec: numeric,
    names: ["numeric", "decimal"],
    also: ["decimal"],
    array: array("numeric", 1231),
  },
  { tag: "uuid", oid: 2950, codec: uuid, names: ["uuid"], array: array("uuid", 2951) },
  { tag: "pg-lsn", oid: 3220, codec: logPosition, names: ["pg_lsn"], array: array("pg-lsn", 3221) },
  { tag: "ts-vector", oid: 3614, codec: lexemes, names: ["tsvector"] },
  { tag: "ts-query", oid: 3615, codec: asText, names: ["tsquery"] },
  { tag: "jsonb", oid: 3802, codec: json, names: ["jsonb"], array: array("jsonb", 3807) },
  { tag: "interval", oid: 3912, codec: dateRange, names: ["daterange"], array: array("interval", 3913) },
  { tag: "pg-snapshot", oid: 5038, codec: snapshot, names: ["pg_snapshot"] },
];

export interface Reading {
  readonly tag: string;
  readonly codec: Codec;
}

const byOid = new Map<number, Reading>();
const byName = new Map<string, Reading>();
const byTag = new Map<string, Codec>([
  ["txid-snapshot", bigInteger],
  ["hstore", hstore],
]);
for (const { tag, oid, codec, names, also = [], array: list } of TYPES) {
  byOid.set(oid, { tag, codec });
  for (const one of [tag, ...also]) byTag.set(one, codec);
  for (const name of names) byName.set(name, { tag, codec });
  if (list === undefined) continue;
  const reading = { tag: list.tag, codec: arrayOf(codec, list.delimiter) };
  byOid.set(list.oid, reading);
  byTag.set(list.tag, reading.codec);
  for (const name of names) byName.set(`${name}[]`, reading);
}
// The one-byte type, and what pg_snapshot was called.
byOid.set(18, { tag: "char", codec: char });
byOid.set(1002, { tag: "char-array", codec: arrayOf(char) });
byOid.set(2970, { tag: "pg-snapshot", codec: snapshot });

export const HSTORE: Reading = { tag: "hstore", codec: hstore };

/** All cases but `null`. */
export const CASES: ReadonlyMap<string, Codec> = byTag;

/** How a column of PostgreSQL is read; what the contract has no case for is given as text. */
export const readingOf = (oid: number): Reading | undefined => byOid.get(oid);

/** How a column is read that was declared so: `varchar(10)`, `timestamp with time zone`, `int4[]`. */
export function readingOfDeclared(declared: string): Reading | undefined {
  const name = declared
    .toLowerCase()
    .replaceAll(/\([^)]*\)/g, " ")
    .replaceAll(/\s+/g, " ")
    .replace(" []", "[]")
    .trim();
  return byName.get(name) ?? (name === "hstore" ? HSTORE : undefined);
}

/**
 * PostgreSQL's text form of a parameter; undefined for NULL.
 * @throws SqlFault
 */
export function toText({ tag, val }: PgValue): string | undefined {
  if (tag === "null") return undefined;
  // Arguments come from a component, typed by WIT.
  return CASES.get(tag)?.write(val as never);
}

/** @throws SqlFault */
export function fromText(reading: Reading | undefined, text: string): PgValue {
  if (reading === undefined) return { tag: "text", val: text };
  return { tag: reading.tag, val: reading.codec.read(text) };
}
