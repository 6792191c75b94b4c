import { describe, test } from "vitest";
import { isSameType, misfitOf } from "./fit.ts";
import type { FunctionType, InterfaceShape, WitType } from "./type.ts";

const u8: WitType = { kind: "u8" };
const text: WitType = { kind: "string" };
const shape = (name: string, functions: Readonly<Record<string, FunctionType | undefined>>): InterfaceShape => ({
  name,
  functions: Object.entries(functions).map(([fn, type]) => ({ name: fn, type })),
  resources: [],
});
const get: FunctionType = { params: [{ name: "key", type: text }], result: u8 };

describe("misfitOf()", () => {
  const misfit = (imported: InterfaceShape, exported: InterfaceShape): string | undefined =>
    misfitOf("a:b/c", [imported], [exported]);

  test("lets what is imported be a part of what is exported, under another version too", ({ expect }) => {
    const params = [{ name: "named-otherwise", type: text }];
    expect(
      misfit(shape("a:b/c@1.0.0", { get }), shape("a:b/c@1.2.0", { get: { ...get, params }, set: get })),
    ).toBeUndefined();
  });

  test("names what is missing and what has other types", ({ expect }) => {
    const imported = shape("a:b/c", { get });
    expect(misfit(imported, shape("a:b/d", { get }))).toBe("it does not export a:b/c");
    expect(misfit(imported, shape("a:b/c@2.0.0", { set: get }))).toBe('it has no "get" of a:b/c@2.0.0');
    for (const other of [
      { ...get, result: text },
      { ...get, result: undefined },
      { ...get, params: [] },
    ]) {
      expect(misfit(imported, shape("a:b/c", { get: other }))).toContain('"get" of a:b/c is imported with other types');
    }
  });

  test("refuses resources, and asks nothing of what a binary does not say", ({ expect }) => {
    const own: FunctionType = {
      params: [],
      result: { kind: "list", element: { kind: "own", resource: { name: "r" } } },
    };
    expect(misfit(shape("a:b/c", { get: own }), shape("a:b/c", { get: own }))).toContain("passes a resource");
    expect(misfit(shape("a:b/c", { get: undefined }), shape("a:b/c", { get }))).toBeUndefined();
  });
});

test("isSameType() compares what types are made of", ({ expect }) => {
  const types: readonly (() => WitType | undefined)[] = [
    () => undefined,
    () => ({ kind: "bool" }),
    () => ({ kind: "record", fields: [{ name: "a", type: { kind: "u8" } }] }),
    () => ({ kind: "record", fields: [{ name: "b", type: { kind: "u8" } }] }),
    () => ({ kind: "variant", cases: [{ name: "a", type: undefined }] }),
    () => ({ kind: "variant", cases: [{ name: "a", type: { kind: "u8" } }] }),
    () => ({ kind: "tuple", elements: [{ kind: "u8" }, { kind: "string" }] }),
    () => ({ kind: "tuple", elements: [{ kind: "u8" }] }),
    () => ({ kind: "flags", names: ["a"] }),
    () => ({ kind: "enum", names: ["a"] }),
    () => ({ kind: "enum", names: ["a", "b"] }),
    () => ({ kind: "list", element: { kind: "u8" } }),
    () => ({ kind: "list", element: { kind: "s8" } }),
    () => ({ kind: "option", some: { kind: "u8" } }),
    () => ({ kind: "option", some: { kind: "bool" } }),
    () => ({ kind: "result", ok: undefined, err: { kind: "u8" } }),
    () => ({ kind: "result", ok: { kind: "u8" }, err: undefined }),
  ];
  for (const [index, one] of types.entries()) {
    for (const [place, other] of types.entries()) expect(isSameType(one(), other())).toBe(index === place);
  }
});
