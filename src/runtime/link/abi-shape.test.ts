import { describe, test } from "vitest";
import type { WitType } from "../../lib/wit/type.ts";
import { join, ShapeTable } from "./abi-shape.ts";
import { UnsupportedComponent } from "./unsupported.ts";

const U8: WitType = { kind: "u8" };
const U16: WitType = { kind: "u16" };
const U64: WitType = { kind: "u64" };
const F32: WitType = { kind: "f32" };
const STRING: WitType = { kind: "string" };
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n-${index}`);
const tuple = (...elements: WitType[]): WitType => ({ kind: "tuple", elements });
const variant = (...types: (WitType | undefined)[]): WitType => ({
  kind: "variant",
  cases: types.map((type, index) => ({ name: `c-${index}`, type })),
});

function layout(type: WitType) {
  const { size, align, flat } = new ShapeTable().shape(type);
  return { size, align, flat };
}

describe("ShapeTable.shape()", () => {
  const CASES: readonly (readonly [string, WitType, number, number, readonly string[] | undefined])[] = [
    ["a record with a gap", tuple(U8, U64, U8), 24, 8, ["i32", "i64", "i32"]],
    ["a string", STRING, 8, 4, ["i32", "i32"]],
    ["an option of a byte", { kind: "option", some: U8 }, 2, 1, ["i32", "i32"]],
    ["a result without values", { kind: "result", ok: undefined, err: undefined }, 1, 1, ["i32"]],
    ["a variant of different cases", variant(undefined, F32, U64, STRING), 16, 8, ["i32", "i64", "i32"]],
    [
      "a variant whose largest case is less aligned",
      variant({ kind: "u32" }, tuple(U8, U8, U8, U8, U8)),
      12,
      4,
      Array<string>(6).fill("i32"),
    ],
    ["a variant of i32 and f32", variant(F32, U8), 8, 4, ["i32", "i32"]],
    ["an enum of 256", { kind: "enum", names: names(256) }, 1, 1, ["i32"]],
    ["an enum of 257", { kind: "enum", names: names(257) }, 2, 2, ["i32"]],
    ["a variant of 257 cases", variant(U16, ...names(256).map(() => undefined)), 4, 2, ["i32", "i32"]],
    ["8 flags", { kind: "flags", names: names(8) }, 1, 1, ["i32"]],
    ["9 flags", { kind: "flags", names: names(9) }, 2, 2, ["i32"]],
    ["17 flags", { kind: "flags", names: names(17) }, 4, 4, ["i32"]],
    ["33 flags", { kind: "flags", names: names(33) }, 8, 4, ["i32", "i32"]],
    ["16 values", tuple(...names(16).map(() => U8)), 16, 1, Array<string>(16).fill("i32")],
    ["17 values", tuple(...names(17).map(() => U8)), 17, 1, undefined],
  ];

  for (const [what, type, size, align, flat] of CASES) {
    test(`lays out ${what}`, ({ expect }) => {
      expect(layout(type)).toEqual({ size, align, flat });
    });
  }

  test("makes one shape of equal types, and keeps those of different resources apart", ({ expect }) => {
    const table = new ShapeTable();
    expect(table.shape(tuple(U8, STRING))).toBe(table.shape(tuple({ kind: "u8" }, { kind: "string" })));
    expect(table.shape(tuple(U8, STRING))).not.toBe(table.shape(tuple(STRING, U8)));
    const [one, other] = [{ name: "r" }, { name: "r" }];
    expect(table.shape({ kind: "own", resource: one })).toBe(table.shape({ kind: "own", resource: one }));
    expect(table.shape({ kind: "own", resource: one })).not.toBe(table.shape({ kind: "own", resource: other }));
    expect(table.shape({ kind: "own", resource: one })).not.toBe(table.shape({ kind: "borrow", resource: one }));
  });

  test("takes as long as the type has parts, however often they are shared", ({ expect }) => {
    let type: WitType = U8;
    for (let depth = 0; depth < 90; depth++) type = tuple(type, type);
    const shape = new ShapeTable().shape(type);
    expect(shape.size).toBe(2 ** 90);
    expect(shape.flat).toBeUndefined();
  });

  test("refuses lists whose elements have no size, and types that cannot cross", ({ expect }) => {
    expect(() => layout({ kind: "list", element: tuple() })).toThrow(UnsupportedComponent);
    expect(() => layout(tuple({ kind: "unsupported", what: "stream" }))).toThrow("values of type stream");
  });
});

test("join() is the smallest type that holds both", ({ expect }) => {
  expect(join("f32", "f32")).toBe("f32");
  expect(join("i32", "f32")).toBe("i32");
  expect(join("f32", "i32")).toBe("i32");
  expect(join("f32", "f64")).toBe("i64");
  expect(join("i32", "i64")).toBe("i64");
});
