import { describe, test } from "vitest";
import { RateLimit } from "./rate-limit.ts";

describe("RateLimit.take()", () => {
  test("lets a burst pass, then the rate, and counts what it held back", ({ expect }) => {
    const limit = new RateLimit({ burst: 2, perSecond: 10 });
    expect([limit.take(0), limit.take(0), limit.take(0), limit.take(50)]).toEqual([0, 0, undefined, undefined]);
    expect(limit.take(100)).toBe(2);
    expect(limit.take(100)).toBeUndefined();
    expect([limit.take(100_000), limit.take(100_000), limit.take(100_000)]).toEqual([1, 0, undefined]);
  });

  test("does not mind a clock that goes back", ({ expect }) => {
    const limit = new RateLimit({ burst: 1, perSecond: 1 });
    expect([limit.take(5000), limit.take(0), limit.take(1000)]).toEqual([0, undefined, 1]);
  });
});
