import { describe, test } from "vitest";
import { SIGNED_64, UNSIGNED_64, addToCounter, encodeCounter } from "./counter.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("addToCounter()", () => {
  test("counts a missing key as 0", ({ expect }) => {
    expect(addToCounter(undefined, -3n)).toBe(-3n);
  });

  test("reads what encodeCounter() wrote", ({ expect }) => {
    expect(addToCounter(encodeCounter(-12n), 2n)).toBe(-10n);
  });

  for (const text of ["", " 1", "1.5", "0x10", "1e3", "+1", "--1", "18446744073709551616", "-9223372036854775809"]) {
    test(`refuses "${text}"`, ({ expect }) => {
      expect(() => addToCounter(encode(text), 0n)).toThrow(RangeError);
    });
  }

  test("accepts all of signed and unsigned 64 bits and nothing beyond", ({ expect }) => {
    expect(addToCounter(encode("18446744073709551614"), 1n)).toBe(2n ** 64n - 1n);
    expect(() => addToCounter(encode("18446744073709551615"), 1n)).toThrow(/64 bits/);
    expect(addToCounter(encode("-9223372036854775807"), -1n)).toBe(-(2n ** 63n));
    expect(() => addToCounter(encode("-9223372036854775808"), -1n)).toThrow(/64 bits/);
  });

  test("keeps to the bounds that it is given", ({ expect }) => {
    expect(() => addToCounter(encode("-5"), 1n, UNSIGNED_64)).toThrow(/without a sign/);
    expect(() => addToCounter(encode("9223372036854775807"), 1n, SIGNED_64)).toThrow(/64 bits/);
    expect(addToCounter(encode("-5"), 5n, UNSIGNED_64)).toBe(0n);
  });
});
