import { describe, test } from "vitest";
import { millis, seconds } from "../../domain/units.ts";
import { planRewrite, type RewriteState } from "./plan-rewrite.ts";

const policy = { calls: 500, idle: seconds(2), patience: seconds(300), pause: seconds(30) };
const idle: RewriteState = { candidates: [], pending: 0, idleFor: seconds(2), sinceLast: undefined };

describe("planRewrite()", () => {
  test("takes the component that is ready for the longest time", ({ expect }) => {
    expect(planRewrite({ ...idle, candidates: [undefined, seconds(1), seconds(3), seconds(2)] }, policy)).toBe(2);
    expect(planRewrite({ ...idle, candidates: [millis(0)] }, policy)).toBe(0);
  });

  test("takes none that has not served enough calls", ({ expect }) => {
    expect(planRewrite(idle, policy)).toBeUndefined();
    expect(planRewrite({ ...idle, candidates: [undefined] }, policy)).toBeUndefined();
  });

  test("waits while a call waits or runs", ({ expect }) => {
    expect(planRewrite({ ...idle, pending: 1, candidates: [seconds(999)] }, policy)).toBeUndefined();
  });

  test("waits until all are idle, but not for ever", ({ expect }) => {
    const busy = { ...idle, idleFor: millis(1999) };
    expect(planRewrite({ ...busy, candidates: [seconds(299)] }, policy)).toBeUndefined();
    expect(planRewrite({ ...busy, candidates: [seconds(299), seconds(300)] }, policy)).toBe(1);
  });

  test("pauses between two rewrites", ({ expect }) => {
    expect(planRewrite({ ...idle, sinceLast: seconds(29), candidates: [seconds(1)] }, policy)).toBeUndefined();
    expect(planRewrite({ ...idle, sinceLast: seconds(30), candidates: [seconds(1)] }, policy)).toBe(0);
  });
});
