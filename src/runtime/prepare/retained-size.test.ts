import { describe, test } from "vitest";
import { retainedSize } from "./retained-size.ts";

describe("retainedSize()", () => {
  test("counts each buffer whole, and once", ({ expect }) => {
    const file = new Uint8Array(100);
    expect(retainedSize([file.subarray(0, 1), file.subarray(50, 60), new Uint8Array(7)])).toBe(107);
    expect(retainedSize([])).toBe(0);
  });
});
