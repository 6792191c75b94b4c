import { describe, test } from "vitest";
import { lastCount } from "./tally.ts";

describe("lastCount()", () => {
  test("follows one store", ({ expect }) => {
    expect(lastCount({ before: 3, answers: [5, 4, 6] })).toBe(6);
    expect(lastCount({ before: 3, answers: [] })).toBe(3);
  });

  test("tells two stores apart, also where their counts overlap", ({ expect }) => {
    expect(lastCount({ before: 3, answers: [4, 5, 1, 2], now: 2 })).toBe(5);
    expect(lastCount({ before: 1, answers: [2, 1, 3, 2, 3, 4], now: 4 })).toBe(3);
  });

  test("finds counts that are lost, or given twice", ({ expect }) => {
    expect(() => lastCount({ before: 3, answers: [4, 6] })).toThrow("found 6, want 5");
    expect(() => lastCount({ before: 3, answers: [4, 4] })).toThrow("found 4, want 5");
    expect(() => lastCount({ before: 3, answers: [4, 1, 3], now: 3 })).toThrow("one count after another");
    expect(() => lastCount({ before: 3, answers: [4], now: 4 })).toThrow();
  });
});
