import * as fc from "fast-check";
import { describe, test } from "vitest";
import { SqlFault } from "../sql-fault.ts";
import { joinDouble, joinSingle, splitDouble, splitSingle } from "./floats.ts";
import { CASES, fromText, readingOf, readingOfDeclared, toText } from "./types.ts";

describe("splitDouble() and splitSingle()", () => {
  test("take a number apart as its bits have it", ({ expect }) => {
    expect(splitDouble(1)).toEqual([2n ** 52n, -52, 1]);
    expect(splitDouble(-0)).toEqual([0n, -1075, -1]);
    expect(splitDouble(5e-324)).toEqual([2n, -1075, 1]);
    expect(splitDouble(Infinity)).toEqual([2n ** 52n, 972, 1]);
    expect(splitSingle(1)).toEqual([2n ** 23n, -23, 1]);
    expect(splitSingle(-Infinity)).toEqual([2n ** 23n, 105, -1]);
  });

  test("are undone by joinDouble() and joinSingle()", ({ expect }) => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(joinDouble(splitDouble(value))).toBe(value);
        expect(joinSingle(splitSingle(value))).toBe(Math.fround(value));
        expect(joinSingle(splitDouble(value))).toBe(Math.fround(value));
      }),
    );
  });
});

/** Texts of what means something somewhere. */
const anyText = fc.string({ unit: fc.constantFrom('"', "\\", ",", "{", "}", " ", "a", "NULL", "=>", "é", "\n") });

describe("toText() and fromText()", () => {
  test("know every case of the contract", ({ expect }) => {
    // As the package's types list them.
    const names =
      `big-int int8 int8-array big-serial serial8 bool boolean bool-array double float8 float8-array real float4
      float4-array integer int int4 int4-array numeric decimal numeric-array serial serial4 small-int int2 int2-array
      int2-vector int2-vector-array small-serial serial2 bit bit-array bit-varying varbit varbit-array bytea bytea-array
      char char-array varchar varchar-array cidr cidr-array inet inet-array macaddr macaddr-array macaddr8 macaddr8-array
      box box-array circle circle-array line line-array lseg lseg-array path path-array point point-array polygon
      polygon-array date date-array interval interval-array time time-array time-tz time-tz-array timestamp
      timestamp-array timestamp-tz timestamp-tz-array json json-array jsonb jsonb-array money money-array pg-lsn
      pg-lsn-array pg-snapshot txid-snapshot name name-array text text-array xml xml-array ts-query ts-vector uuid
      uuid-array hstore`.split(/\s+/);
    expect([...CASES.keys()].toSorted()).toEqual(names.toSorted());
    expect(toText({ tag: "null" })).toBeUndefined();
  });

  test("carry arrays of any text", ({ expect }) => {
    const reading = readingOf(1009);
    fc.assert(
      fc.property(fc.array(anyText), (val) => {
        expect(fromText(reading, toText({ tag: "text-array", val }) ?? "")).toEqual({ tag: "text-array", val });
      }),
    );
  });

  test("carry maps of any text", ({ expect }) => {
    const reading = readingOfDeclared("hstore");
    const pair = fc.tuple(anyText, fc.option(anyText, { nil: undefined }));
    fc.assert(
      fc.property(fc.array(pair), (val) => {
        expect(fromText(reading, toText({ tag: "hstore", val }) ?? "")).toEqual({ tag: "hstore", val });
      }),
    );
  });

  test("read what PostgreSQL writes", ({ expect }) => {
    expect(fromText(readingOf(1007), "[2:3]={1,2}")).toEqual({ tag: "int4-array", val: [1, 2] });
    expect(fromText(readingOf(1020), "{(1,1),(0,0);(3,3),(2,2)}").val).toHaveLength(2);
    expect(fromText(readingOf(1114), "0044-03-15 12:00:00 BC")).toMatchObject({
      val: { date: { tag: "ymd", val: [-43, 3, 15] } },
    });
    expect(fromText(readingOf(1184), "2024-01-01 00:00:00.5-03:30")).toMatchObject({
      val: { timestamp: { time: { micro: 500_000 } }, offset: { tag: "western-hemisphere-secs", val: 12_600 } },
    });
    expect(fromText(undefined, "(1,2)")).toEqual({ tag: "text", val: "(1,2)" });
  });

  test("refuse values that are none of their type", ({ expect }) => {
    for (const [tag, val] of [
      ["uuid", "not one"],
      ["json", "{"],
      ["decimal", "1,5"],
      ["money", "$1"],
      ["char", [2, new Uint8Array(3)]],
      ["varchar", [2, new Uint8Array(3)]],
      ["varchar", [undefined, new Uint8Array([0xff])]],
      ["bit", [9, new Uint8Array(1)]],
      ["time", { hour: 25, min: 0, sec: 0, micro: 0 }],
      ["path", []],
      ["ts-vector", [{ weight: "A", data: "x" }]],
    ] satisfies [string, unknown][]) {
      expect(() => toText({ tag, val }), tag).toThrow(SqlFault);
    }
  });

  test("readingOfDeclared() knows what columns are declared as", ({ expect }) => {
    for (const [declared, tag] of [
      ["VARCHAR(10)", "varchar"],
      ["double  precision", "float8"],
      ["timestamp(3) with time zone", "timestamp-tz"],
      ["numeric(10, 2)", "numeric"],
      ["int4[]", "int4-array"],
      ["varchar(10)[]", "varchar-array"],
    ] as const) {
      expect(readingOfDeclared(declared)?.tag, declared).toBe(tag);
    }
    expect(readingOfDeclared("thing")).toBeUndefined();
  });
});
