import { describe, test } from "vitest";
import { describeGoal, formatNumber, median, meetsGoal, quantile, toJson, toTable, type Measurement } from "./frame.ts";

const fast: Measurement = {
  name: "fast",
  value: 12_345,
  unit: "msg/s",
  ratio: 4.94,
  goal: { of: "ratio", atLeast: 3 },
};
const slow: Measurement = { name: "slow", value: 2500, unit: "msg/s" };

describe("meetsGoal()", () => {
  test("looks at the ratio or the value", ({ expect }) => {
    expect(meetsGoal(fast)).toBe(true);
    expect(meetsGoal({ ...fast, ratio: 2.9 })).toBe(false);
    expect(meetsGoal({ ...slow, goal: { of: "value", atMost: 2500 } })).toBe(true);
    expect(meetsGoal({ ...slow, goal: { of: "value", atMost: 2499 } })).toBe(false);
  });

  test("is undefined without a goal, and for a ratio that is not there", ({ expect }) => {
    expect(meetsGoal(slow)).toBeUndefined();
    expect(meetsGoal({ ...slow, goal: { of: "ratio", atLeast: 1 } })).toBeUndefined();
  });
});

describe("describeGoal()", () => {
  test("says what is wanted, with its unit", ({ expect }) => {
    expect(describeGoal(slow)).toBe("");
    expect(describeGoal(fast)).toBe("≥ 3×");
    expect(describeGoal({ ...slow, goal: { of: "value", atLeast: 1, atMost: 2000 } })).toBe("≥ 1 msg/s, ≤ 2,000 msg/s");
  });
});

describe("toJson()", () => {
  test("has every field, null where there is nothing to say", ({ expect }) => {
    expect(JSON.parse(toJson(slow))).toEqual({
      name: "slow",
      value: 2500,
      unit: "msg/s",
      ratio: null,
      goal: "",
      ok: null,
    });
    expect(JSON.parse(toJson(fast))).toMatchObject({ ratio: 4.94, goal: "≥ 3×", ok: true });
  });
});

describe("toTable()", () => {
  test("lines columns up and marks a missed goal", ({ expect }) => {
    const lines = toTable([slow, { ...fast, ratio: 1 }]).split("\n");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/^slow +2,500 {2}msg\/s$/);
    expect(lines[2]).toMatch(/^fast +12,300 {2}msg\/s +1× {2}≥ 3× {2}MISSED$/);
  });
});

describe("formatNumber()", () => {
  test("keeps three digits", ({ expect }) => {
    expect([0, 0.012345, 1.5, 999.9, 1_234_567].map(formatNumber)).toEqual([
      "0",
      "0.0123",
      "1.5",
      "1,000",
      "1,230,000",
    ]);
  });
});

describe("quantile()", () => {
  test("does not depend on the order, nor sort numbers as text", ({ expect }) => {
    expect(quantile([10, 9, 100, 1], 0.99)).toBe(100);
    expect(quantile([10, 9, 100, 1], 0)).toBe(1);
    expect(median([100, 9, 10])).toBe(10);
  });
});
