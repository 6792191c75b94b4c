import { describe, test } from "vitest";
import { continues, type Loss } from "./ledger.ts";

const last = { to: 10, reason: "cap", reported: false } as const;
const next: Loss = { lane: "standard", from: 14, to: 20, count: 5, bytes: 500, reason: "cap" };
const lane = { acknowledged: 0, hasBetween: () => false };

describe("continues()", () => {
  test("joins losses with nothing between them", ({ expect }) => {
    expect(continues(last, next, lane)).toBe(true);
  });

  test("keeps apart what has other reasons, or unknown ones", ({ expect }) => {
    expect(continues(last, { ...next, reason: "corrupt" }, lane)).toBe(false);
    expect(continues({ ...last, reason: "unknown" }, { ...next, reason: "unknown" }, lane)).toBe(false);
  });

  test("keeps apart what has survivors between", ({ expect }) => {
    const hasBetween = (after: number, before: number): boolean => after < 12 && 12 < before;
    expect(continues(last, next, { ...lane, hasBetween })).toBe(false);
  });

  test("keeps apart what has delivered rows between", ({ expect }) => {
    expect(continues(last, next, { ...lane, acknowledged: 11 })).toBe(false);
    expect(continues(last, next, { ...lane, acknowledged: 10 })).toBe(true);
  });

  test("keeps apart what lies before", ({ expect }) => {
    expect(continues(last, { ...next, from: 3, to: 5 }, lane)).toBe(false);
  });
});
