import { anything, assert, property } from "fast-check";
import { describe, test } from "vitest";
import type { WitType } from "./type.ts";
import { MisfitValue, convertValue, holdsHandles, type ConvertOptions } from "./value.ts";

const OPTIONS: ConvertOptions = { handle: (resource, value) => [resource.name, value] };
const convert = (type: WitType, value: unknown): unknown => convertValue(type, value, OPTIONS);
const u8: WitType = { kind: "u8" };
const text: WitType = { kind: "string" };

const reasonOf = (type: WitType, value: unknown): string => {
  try {
    convert(type, value);
  } catch (error) {
    if (error instanceof MisfitValue) return error.message;
    throw error;
  }
  return "fits";
};

describe("convertValue()", () => {
  test("lets no number pass that the glue would bend", ({ expect }) => {
    for (const value of [undefined, null, Number.NaN, 256, -1, 1.5, "1", 1n, true, {}]) {
      expect(reasonOf(u8, value)).toContain("want");
    }
    expect(reasonOf({ kind: "s16" }, -32_769)).toContain("found -32769, want an integer (s16)");
    expect(reasonOf({ kind: "f64" }, undefined)).toContain("found undefined, want a number (f64)");
    expect(convert({ kind: "f64" }, Number.NaN)).toBeNaN();
  });

  test("keeps 64-bit integers to bigints within their range", ({ expect }) => {
    expect(convert({ kind: "u64" }, 2n ** 64n - 1n)).toBe(2n ** 64n - 1n);
    expect(convert({ kind: "s64" }, -(2n ** 63n))).toBe(-(2n ** 63n));
    for (const value of [2n ** 64n, -1n, 1]) expect(reasonOf({ kind: "u64" }, value)).toContain("want a bigint (u64)");
    expect(reasonOf({ kind: "s64" }, 2n ** 63n)).toContain("want a bigint (s64)");
  });

  test("takes one character for a char, and no half of one", ({ expect }) => {
    expect(["a", "\n", "🌱"].map((value) => convert({ kind: "char" }, value))).toEqual(["a", "\n", "🌱"]);
    for (const value of ["", "ab", "\ud800", 1]) expect(reasonOf({ kind: "char" }, value)).toContain("one character");
  });

  test("copies the fields that a record has and no others", ({ expect }) => {
    const record: WitType = { kind: "record", fields: [{ name: "reply-to", type: { kind: "option", some: text } }] };
    expect(convert(record, { replyTo: "x", more: () => {} })).toEqual({ replyTo: "x" });
    expect(convert(record, {})).toEqual({ replyTo: undefined });
  });

  test("names the path of what does not fit", ({ expect }) => {
    const inner: WitType = { kind: "tuple", elements: [text, u8] };
    const type: WitType = { kind: "record", fields: [{ name: "some-list", type: { kind: "list", element: inner } }] };
    expect(
      reasonOf(type, {
        someList: [
          ["a", 1],
          ["b", 999],
        ],
      }),
    ).toBe("someList[1][1]: found 999, want an integer (u8)");
    expect(reasonOf(type, { someList: 7 })).toBe("someList: found 7, want an array");
    expect(reasonOf(type, undefined)).toBe("found undefined, want a record");
  });

  test("takes lists of numbers as typed arrays, as arrays and as views, and copies them", ({ expect }) => {
    const bytes: WitType = { kind: "list", element: u8 };
    const pool = new Uint8Array(1000).fill(7);
    const copy = convert(bytes, pool.subarray(10, 12));
    expect(copy).toEqual(Uint8Array.of(7, 7));
    expect((copy as Uint8Array).buffer.byteLength).toBe(2);
    expect(convert(bytes, [1, 2])).toEqual(Uint8Array.of(1, 2));
    expect(convert(bytes, Buffer.from("ab"))).toEqual(Uint8Array.of(97, 98));
    expect(convert({ kind: "list", element: { kind: "s64" } }, [-1n])).toEqual(BigInt64Array.of(-1n));
    expect(reasonOf(bytes, [1, 256])).toBe("[1]: found 256, want an integer (u8)");
    expect(reasonOf(bytes, Uint16Array.of(1))).toBe("found a Uint16Array, want a Uint8Array");
    expect(reasonOf(bytes, "ab")).toBe('found "ab", want a Uint8Array');
  });

  test("checks cases of variants, enums and results", ({ expect }) => {
    const variant: WitType = {
      kind: "variant",
      cases: [
        { name: "none", type: undefined },
        { name: "some-text", type: text },
      ],
    };
    expect(convert(variant, { tag: "none", val: "dropped" })).toEqual({ tag: "none" });
    expect(convert(variant, { tag: "some-text", val: "x" })).toEqual({ tag: "some-text", val: "x" });
    expect(reasonOf(variant, { tag: "other" })).toBe('tag: found "other", want one of "none", "some-text"');
    expect(reasonOf(variant, { tag: "some-text" })).toBe("some-text: found undefined, want a string");
    expect(reasonOf({ kind: "enum", names: ["on", "off"] }, "maybe")).toContain('want one of "on", "off"');
    const result: WitType = { kind: "result", ok: undefined, err: text };
    expect(convert(result, { tag: "ok", val: 1 })).toEqual({ tag: "ok" });
    expect(reasonOf(result, { tag: "err", val: 1 })).toBe("err: found 1, want a string");
  });

  test("tells none from some(none) in an option of an option", ({ expect }) => {
    const nested: WitType = { kind: "option", some: { kind: "option", some: u8 } };
    expect(convert(nested, { tag: "some", val: undefined })).toEqual({ tag: "some", val: undefined });
    expect(convert(nested, { tag: "none" })).toEqual({ tag: "none" });
    expect(convert({ kind: "option", some: u8 }, null)).toBeUndefined();
  });

  test("takes missing flags as not set and nothing but booleans", ({ expect }) => {
    const flags: WitType = { kind: "flags", names: ["may-read", "may-write"] };
    expect(convert(flags, { mayRead: true })).toEqual({ mayRead: true, mayWrite: false });
    expect(reasonOf(flags, { mayRead: 1 })).toBe("mayRead: found 1, want a boolean");
  });

  test("hands handles over, wherever they are", ({ expect }) => {
    const own: WitType = { kind: "own", resource: { name: "bucket" } };
    expect(convert({ kind: "list", element: own }, ["a", "b"])).toEqual([
      ["bucket", "a"],
      ["bucket", "b"],
    ]);
    expect(reasonOf(own, undefined)).toBe("found undefined, want a bucket");
  });

  test("refuses types that cannot cross", ({ expect }) => {
    expect(reasonOf({ kind: "unsupported", what: "stream" }, {})).toBe("values of type stream are not supported");
  });

  test("measures strings and lists of numbers", ({ expect }) => {
    let size = 0;
    const options = {
      ...OPTIONS,
      measure: (bytes: number) => {
        size += bytes;
      },
    };
    convertValue({ kind: "list", element: text }, ["abc", "d"], options);
    convertValue({ kind: "list", element: { kind: "u32" } }, [1, 2], options);
    expect(size).toBe(12);
  });

  test("measures what each part takes of the heap, and no typed array", ({ expect }) => {
    const heapOf = (type: WitType, value: unknown): number => {
      let size = 0;
      const measure = (_bytes: number, heap: number): void => {
        size += heap;
      };
      convertValue(type, value, { ...OPTIONS, measure });
      return size;
    };
    const parts: readonly [WitType, unknown][] = [
      [{ kind: "variant", cases: [{ name: "x", type: undefined }] }, { tag: "x" }],
      [{ kind: "enum", names: ["x"] }, "x"],
      [{ kind: "record", fields: [{ name: "x", type: { kind: "bool" } }] }, { x: true }],
      [{ kind: "flags", names: ["x"] }, {}],
      [{ kind: "tuple", elements: [u8] }, [1]],
      [{ kind: "result", ok: undefined, err: undefined }, { tag: "ok" }],
      [{ kind: "list", element: u8 }, []],
      [{ kind: "option", some: u8 }, undefined],
      [text, ""],
    ];
    for (const [element, value] of parts) {
      const list: WitType = { kind: "list", element };
      const items = Array.from({ length: 1000 }, () => value);
      expect(heapOf(list, items) / 1000).toBeGreaterThanOrEqual(16);
      expect(heapOf(list, items) - heapOf(list, [])).toBe(1000 * (heapOf(element, value) + 16));
    }
    expect(heapOf({ kind: "list", element: u8 }, new Uint8Array(1000))).toBeLessThan(100);
  });

  test("takes no part from what every object inherits, but from a class of its own", ({ expect }) => {
    const some: WitType = { kind: "option", some: text };
    const record: WitType = {
      kind: "record",
      fields: ["constructor", "to-string", "x"].map((name) => ({ name, type: some })),
    };
    class Getters {
      get x(): string {
        return "got";
      }
    }
    const absent = { constructor: undefined, toString: undefined };
    expect(convert(record, {})).toEqual({ ...absent, x: undefined });
    expect(convert(record, new Getters())).toEqual({ ...absent, x: "got" });
    expect(convert(record, { constructor: "own" })).toMatchObject({ constructor: "own" });
    expect(convert({ kind: "flags", names: ["value-of"] }, {})).toEqual({ valueOf: false });
  });

  test("throws nothing but MisfitValue, and what it returns is a fixed point", ({ expect }) => {
    const type: WitType = {
      kind: "record",
      fields: [
        { name: "a", type: { kind: "option", some: { kind: "list", element: u8 } } },
        {
          name: "b",
          type: {
            kind: "variant",
            cases: [
              { name: "x", type: text },
              { name: "y", type: undefined },
            ],
          },
        },
      ],
    };
    assert(
      property(anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true }), (value) => {
        let once: unknown;
        try {
          once = convert(type, { a: value, b: value });
        } catch (error) {
          expect(error).toBeInstanceOf(MisfitValue);
          return;
        }
        expect(convert(type, once)).toEqual(once);
      }),
    );
  });
});

describe("holdsHandles()", () => {
  test("finds handles at any depth", ({ expect }) => {
    const own: WitType = { kind: "own", resource: { name: "r" } };
    expect(holdsHandles({ kind: "option", some: { kind: "tuple", elements: [u8, own] } })).toBe(true);
    expect(holdsHandles({ kind: "option", some: { kind: "tuple", elements: [u8, text] } })).toBe(false);
  });
});
