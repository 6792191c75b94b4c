import { describe, test } from "vitest";
import { planEviction } from "./plan-eviction.ts";

const entry = (name: string, size: number, usedAt: number) => ({ name, size, usedAt });
const three = [entry("young", 10, 3), entry("old", 10, 1), entry("middle", 10, 2)];

describe("planEviction()", () => {
  test("removes nothing within the quota", ({ expect }) => {
    expect(planEviction(three, 30)).toEqual([]);
    expect(planEviction([], 0)).toEqual([]);
  });

  test("removes what was not used for the longest time, and no more than needed", ({ expect }) => {
    expect(planEviction(three, 29)).toEqual(["old"]);
    expect(planEviction(three, 20)).toEqual(["old"]);
    expect(planEviction(three, 19)).toEqual(["old", "middle"]);
    expect(planEviction(three, 0)).toEqual(["old", "middle", "young"]);
  });
});
