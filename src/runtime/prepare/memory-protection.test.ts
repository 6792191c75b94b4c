import { describe, test } from "vitest";
import { probeMemoryProtection } from "./memory-protection.ts";

/** Address space that is used before a memory is made, and afterwards. */
const uses = (...sizes: readonly (number | undefined)[]) => {
  const left = [...sizes];
  return () => left.shift();
};
const GIB = 1024 ** 3;

describe("probeMemoryProtection()", () => {
  test("tells guard regions by the address space that a memory takes", ({ expect }) => {
    expect(probeMemoryProtection(uses(GIB, 9 * GIB))).toBe("guard-regions");
    expect(probeMemoryProtection(uses(GIB, GIB + 65_536))).toBe("checks");
  });

  test("does not guess", ({ expect }) => {
    expect(probeMemoryProtection(uses(undefined, GIB))).toBe("unknown");
    expect(probeMemoryProtection(uses(GIB, undefined))).toBe("unknown");
  });
});
