import { describe, test } from "vitest";
import { bytes, millis, seconds } from "../domain/units.ts";
import { planRecycling } from "./recycling.ts";

describe("planRecycling()", () => {
  const rules = { calls: 100, age: seconds(60), memory: bytes(1000) };
  const facts = { calls: 99, age: millis(59_999), memory: 999 };

  test("keeps an instance below every bound, and any when there are none", ({ expect }) => {
    expect(planRecycling(facts, rules)).toBeUndefined();
    expect(planRecycling({ calls: 1e9, age: millis(1e12), memory: 1e12 }, {})).toBeUndefined();
  });

  test("names the bound that was reached", ({ expect }) => {
    expect(planRecycling({ ...facts, calls: 100 }, rules)).toBe("calls");
    expect(planRecycling({ ...facts, age: seconds(60) }, rules)).toBe("age");
    expect(planRecycling({ ...facts, memory: 1000 }, rules)).toBe("memory");
  });
});
