import { describe, test } from "vitest";
import { describeArgs, describeValue } from "./describe-value.ts";

describe("describeValue()", () => {
  test.for([
    ['"a"', "a"],
    ["12", 12n],
    ["none", undefined],
    ['"21.5"', new TextEncoder().encode("21.5")],
    ["0x00ff", Uint8Array.from([0, 255])],
    ["0x", new Uint8Array(0)],
    ["some(3)", { tag: "some", val: 3 }],
    ["nothing", { tag: "nothing" }],
    ['{a: 1, c: ["x"]}', { a: 1, b: undefined, c: ["x"] }],
    ["[1, 2, 3, 4, 5, 6, 7, 8, … 9 in all]", [1, 2, 3, 4, 5, 6, 7, 8, 9]],
  ] as const)("gives %s", ([want, value], { expect }) => {
    expect(describeValue(value)).toBe(want);
  });

  test("cuts what is long", ({ expect }) => {
    expect(describeArgs(["x".repeat(1000), "y".repeat(1000)]).length).toBeLessThanOrEqual(125);
    expect(describeValue(new Uint8Array(1000))).toMatch(/^0x0+… \(1000 bytes\)$/);
  });
});
