// Vectors by hand, from the rules of the encoding; values and types at random; and bytes that are no encoding.

import { array, assert, constant, nat, property, tuple as arbitraryTuple, uint8Array } from "fast-check";
import { describe, test } from "vitest";
import { arbitraryType, arbitraryValue } from "../../../../test/support/wit-arbitraries.ts";
import { isPetioleError } from "../../../domain/errors.ts";
import { MisfitValue } from "../../../lib/wit/value.ts";
import { Assembly } from "./assembly.ts";
import { codecOf } from "./compile.ts";
import { TRUNCATED, WireFault } from "./faults.ts";
import { Reader } from "./reader.ts";
import type { WireType } from "./types.ts";
import { Writer } from "./writer.ts";

const LIMITS = { bytes: 1_000_000, heap: 4_000_000 };
const plain = <K extends "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32" | "s64" | "f32" | "f64">(kind: K) => ({
  kind,
});
const [BOOL, CHAR, STRING] = [{ kind: "bool" }, { kind: "char" }, { kind: "string" }] as const;
const [U8, U16, U32, U64] = [plain("u8"), plain("u16"), plain("u32"), plain("u64")];
const [S8, S16, S32, S64] = [plain("s8"), plain("s16"), plain("s32"), plain("s64")];
const [F32, F64] = [plain("f32"), plain("f64")];
const list = (element: WireType): WireType => ({ kind: "list", element });
const tuple = (...elements: WireType[]): WireType => ({ kind: "tuple", elements });
const option = (some: WireType): WireType => ({ kind: "option", some });
const flags = (count: number): WireType => ({
  kind: "flags",
  names: Array.from({ length: count }, (_, i) => `f${i}`),
});
const onlyFlag = (count: number, one: number): unknown =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, i === one]));
const SHAPE: WireType = {
  kind: "variant",
  cases: [
    { name: "none", type: undefined },
    { name: "circle", type: F32 },
    { name: "named", type: STRING },
  ],
};
const POINT: WireType = {
  kind: "record",
  fields: [
    { name: "x-axis", type: S32 },
    { name: "constructor", type: U8 },
  ],
};

function encode(type: WireType, value: unknown): Uint8Array {
  const writer = new Writer(LIMITS.bytes);
  writer.begin();
  codecOf(type).write(writer, value);
  return writer.take();
}

function decode(type: WireType, bytes: Uint8Array): unknown {
  const reader = new Reader(bytes, LIMITS);
  const value = codecOf(type).read(reader);
  if (reader.at !== bytes.length) throw new Error(`${bytes.length - reader.at} bytes are left`);
  return value;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const unhex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

const VECTORS: readonly (readonly [name: string, type: WireType, value: unknown, bytes: string])[] = [
  ["bool", BOOL, true, "01"],
  ["u8 above 127", U8, 200, "c8"],
  ["s8 below 0", S8, -1, "ff"],
  ["u16, most", U16, 65_535, "ff ff 03"],
  ["u32, most", U32, 4_294_967_295, "ff ff ff ff 0f"],
  ["u32 of two bytes", U32, 300, "ac 02"],
  ["u64, most", U64, 2n ** 64n - 1n, "ff ff ff ff ff ff ff ff ff 01"],
  ["u64 above 2^32", U64, 2n ** 35n, "80 80 80 80 80 01"],
  ["s16, least", S16, -32_768, "80 80 7e"],
  ["s16, most", S16, 32_767, "ff ff 01"],
  ["s32 -1", S32, -1, "7f"],
  ["s32 64, whose sign needs a byte", S32, 64, "c0 00"],
  ["s32, least", S32, -2_147_483_648, "80 80 80 80 78"],
  ["s32, most", S32, 2_147_483_647, "ff ff ff ff 07"],
  ["s64, least", S64, -(2n ** 63n), "80 80 80 80 80 80 80 80 80 7f"],
  ["s64, most", S64, 2n ** 63n - 1n, "ff ff ff ff ff ff ff ff ff 00"],
  ["s64 -2^32", S64, -(2n ** 32n), "80 80 80 80 70"],
  ["f32", F32, 1.5, "00 00 c0 3f"],
  ["f64", F64, -2, "00 00 00 00 00 00 00 c0"],
  ["char of two bytes", CHAR, "é", "c3 a9"],
  ["char of three bytes", CHAR, "€", "e2 82 ac"],
  ["char of four bytes", CHAR, "😀", "f0 9f 98 80"],
  ["string", STRING, "hé", "03 68 c3 a9"],
  ["string of more than 127 bytes", STRING, "a".repeat(128), `80 01 ${"61".repeat(128)}`],
  ["string whose length outgrows its characters", STRING, "é".repeat(100), `c8 01 ${"c3a9".repeat(100)}`],
  ["list<u8>", list(U8), new Uint8Array([1, 2, 255]), "03 01 02 ff"],
  ["list<u16>", list(U16), new Uint16Array([1, 300]), "02 01 ac 02"],
  ["list<s64>", list(S64), new BigInt64Array([-1n, 64n]), "02 7f c0 00"],
  ["list<f32>", list(F32), new Float32Array([1.5]), "01 00 00 c0 3f"],
  ["list<string>", list(STRING), ["a", ""], "02 01 61 00"],
  ["option, none", option(U8), undefined, "00"],
  ["option, some", option(STRING), "k", "01 01 6b"],
  ["option of an option, some of none", option(option(U8)), { tag: "some", val: undefined }, "01 00"],
  ["result, ok without a value", { kind: "result", ok: undefined, err: STRING }, { tag: "ok" }, "00"],
  ["result, err", { kind: "result", ok: undefined, err: STRING }, { tag: "err", val: "x" }, "01 01 78"],
  ["tuple", tuple(U8, STRING), [1, "a"], "01 01 61"],
  ["record", POINT, { xAxis: -1, constructor: 9 }, "7f 09"],
  ["variant without a value", SHAPE, { tag: "none" }, "00"],
  ["variant with one", SHAPE, { tag: "named", val: "x" }, "02 01 78"],
  ["enum", { kind: "enum", names: ["a", "b", "c-d"] }, "c-d", "02"],
  ["flags of three", flags(3), { f0: true, f1: false, f2: true }, "05"],
  ["flags of nine", flags(9), onlyFlag(9, 8), "00 01"],
  ["handle", { kind: "own", resource: { name: "bucket" } }, new Uint8Array([7, 7]), "02 07 07"],
];

describe("codecOf()", () => {
  test.for(VECTORS)("%s", ([, type, value, bytes], { expect }) => {
    expect(hex(encode(type, value))).toBe(bytes.replaceAll(" ", ""));
    expect(decode(type, unhex(bytes))).toEqual(value);
  });

  test("reads what it writes, of any type", ({ expect }) => {
    const typed = arbitraryType().chain((type) => arbitraryValue(type).map((value) => ({ type, value })));
    assert(
      property(typed, ({ type, value }) => {
        expect(decode(type, encode(type, value))).toEqual(value);
      }),
      { numRuns: 400 },
    );
  });

  test("reads a value from messages that cut it anywhere, and only when it is whole", ({ expect }) => {
    const cut = arbitraryType(2).chain((type) =>
      arbitraryTuple(constant(type), arbitraryValue(type), array(nat(40), { maxLength: 6 })),
    );
    assert(
      property(cut, ([type, value, lengths]) => {
        const bytes = encode(type, value);
        const assembly = new Assembly(LIMITS);
        let at = 0;
        for (const length of [...lengths, bytes.length]) {
          if (at === bytes.length) break;
          expect(assembly.take((input) => codecOf(type).read(input), false)).toBeUndefined();
          const piece = bytes.subarray(at, at + length);
          at = Math.min(bytes.length, at + length);
          if (piece.length > 0) assembly.push(piece);
        }
        expect(assembly.take((input) => codecOf(type).read(input), true)?.value).toEqual(value);
        expect(assembly.length).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test.for<readonly [name: string, type: WireType, bytes: string]>([
    ["a boolean of 2", BOOL, "02"],
    ["an option of 2", option(U8), "02 00"],
    ["a result of 2", { kind: "result", ok: undefined, err: undefined }, "02"],
    ["a case that is none", SHAPE, "03"],
    ["an enum's case that is none", { kind: "enum", names: ["a"] }, "01"],
    ["a u16 of 17 bits", U16, "80 80 04"],
    ["a u32 of 33 bits", U32, "80 80 80 80 10"],
    ["a u32 of six bytes", U32, "80 80 80 80 80 00"],
    ["a u64 of 65 bits", U64, "80 80 80 80 80 80 80 80 80 02"],
    ["a u64 of eleven bytes", U64, "80 80 80 80 80 80 80 80 80 80 00"],
    ["an s16 of 17 bits", S16, "80 80 02"],
    ["an s16 whose sign ends early", S16, "80 80 5e"],
    ["an s32 of 33 bits", S32, "80 80 80 80 08"],
    ["an s32 of six bytes", S32, "ff ff ff ff ff 7f"],
    ["an s64 of 65 bits", S64, "80 80 80 80 80 80 80 80 80 01"],
    ["a char that is a surrogate", CHAR, "ed a0 80"],
    ["a char above U+10FFFF", CHAR, "f4 90 80 80"],
    ["a char in two bytes instead of one", CHAR, "c1 81"],
    ["a char in three bytes instead of two", CHAR, "e0 9f bf"],
    ["a char in four bytes instead of three", CHAR, "f0 8f bf bf"],
    ["a char whose second byte begins another", CHAR, "e2 82 41"],
    ["a char that begins in its middle", CHAR, "80"],
    ["a short string that is no UTF-8", STRING, "02 61 ff"],
    ["a long string that is no UTF-8", STRING, `1e ${"61".repeat(29)} c3`],
    ["a future that is neither ready nor not", { kind: "future", value: U8 }, "02"],
  ])("refuses %s", ([, type, bytes], { expect }) => {
    expect(() => decode(type, unhex(bytes))).toThrow(WireFault);
  });

  test.for<readonly [name: string, type: WireType, bytes: string]>([
    ["a list that would be as long as a device's memory", list(STRING), "ff ff ff ff 0f"],
    ["a list of empty values that would", list(tuple()), "ff ff ff ff 0f"],
    ["bytes that would", list(U8), "ff ff ff ff 0f"],
    ["a string that would", STRING, "ff ff ff ff 0f"],
    ["a list of lists that does, by the memory of each", list(list(U8)), `c0 84 3d ${"00".repeat(900_000)}`],
  ])("refuses %s before it makes anything for it", ([, type, bytes], { expect }) => {
    expect(() => decode(type, unhex(bytes))).toThrow(expect.objectContaining({ kind: "too-large" }));
  });

  test("bytes at random are a value, cut off, or refused, and nothing else", ({ expect }) => {
    assert(
      property(arbitraryType(), uint8Array({ maxLength: 64 }), (type, bytes) => {
        const reader = new Reader(bytes, LIMITS);
        try {
          codecOf(type).read(reader);
        } catch (error) {
          expect(error === TRUNCATED || error instanceof WireFault).toBe(true);
        }
        expect(reader.at).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 1000 },
    );
  });

  test("says which part of a value does not fit", ({ expect }) => {
    const type: WireType = { kind: "record", fields: [{ name: "all-points", type: list(POINT) }] };
    const misfit = (value: unknown) => expect(() => encode(type, value));
    misfit({ allPoints: [{ xAxis: 1, constructor: 1 }, { xAxis: 1 }] }).toThrow(
      new MisfitValue("found undefined, want a number (u8)", ".allPoints[1].constructor"),
    );
    misfit({ allPoints: "none" }).toThrow(/^allPoints: found "none", want an array$/);
    misfit(null).toThrow(/^found null, want a record$/);
  });

  test.for<readonly [name: string, type: WireType, value: unknown]>([
    ["a fraction for an integer", U8, 1.5],
    ["an integer outside its range", S16, 32_768],
    ["a number for a bigint", U64, 1],
    ["a bigint outside its range", U64, 2n ** 64n],
    ["two characters for one", CHAR, "ab"],
    ["half a surrogate pair", CHAR, "\ud800"],
    ["a case that is none", SHAPE, { tag: "square" }],
    ["a tuple that is too short", tuple(U8, U8), [1]],
    ["a hole in a list of numbers", list(U8), [1, undefined]],
    ["a number for a handle", { kind: "borrow", resource: { name: "r" } }, 1],
  ])("refuses to write %s", ([, type, value], { expect }) => {
    expect(() => encode(type, value)).toThrow(MisfitValue);
  });

  test("a list of numbers may be given as an array", ({ expect }) => {
    expect(hex(encode(list(U8), [1, 2]))).toBe("020102");
    expect(hex(encode(list(U64), [1n]))).toBe("0101");
  });

  test("refuses types that cannot cross", ({ expect }) => {
    const deep = Array.from({ length: 70 }).reduce<WireType>((inner) => list(inner), U8);
    const wide = Array.from({ length: 30 }).reduce<WireType>((inner) => tuple(inner, inner), U8);
    const nested: WireType = { kind: "stream", element: { kind: "future", value: U8 } };
    for (const type of [deep, wide, nested, { kind: "unsupported", what: "an error-context" } as const]) {
      expect(() => codecOf(type)).toThrow(expect.toSatisfy((error) => isPetioleError(error, "ERR_LINK_INVALID")));
    }
  });

  test("a value that is larger than it may be is refused", ({ expect }) => {
    const writer = new Writer(100_000);
    writer.begin();
    expect(() => codecOf(list(U8)).write(writer, new Uint8Array(100_001))).toThrow(WireFault);
    writer.begin();
    codecOf(STRING).write(writer, "again");
    expect(hex(writer.take())).toBe("05616761696e");
  });
});
