import { describe, test } from "vitest";
import { bytes, millis } from "../../domain/units.ts";
import { commitDue, DEFAULT_POLICY, NOTHING_WAITING } from "./commit-plan.ts";

const never = { at: undefined, failed: false };
const since = millis(5000);

describe("commitDue()", () => {
  test("is undefined when nothing waits", ({ expect }) => {
    expect(commitDue(NOTHING_WAITING, DEFAULT_POLICY, never)).toBeUndefined();
  });

  test("takes an urgent message at once after a pause", ({ expect }) => {
    const due = commitDue({ ...NOTHING_WAITING, urgent: 1 }, DEFAULT_POLICY, { at: millis(1000), failed: false });
    expect(due).toBe(1010);
    expect(commitDue({ ...NOTHING_WAITING, urgent: 1 }, DEFAULT_POLICY, never)).toBe(-Infinity);
  });

  test("lets standard messages wait for the interval", ({ expect }) => {
    const waiting = { ...NOTHING_WAITING, standardRows: 1, standardSince: since };
    expect(commitDue(waiting, DEFAULT_POLICY, never)).toBe(6000);
  });

  for (const [what, full] of [
    ["rows", { standardRows: DEFAULT_POLICY.rows }],
    ["bytes", { standardBytes: bytes(DEFAULT_POLICY.bytes) }],
  ] as const) {
    test(`does not wait longer with enough ${what}`, ({ expect }) => {
      const waiting = { ...NOTHING_WAITING, standardRows: 1, standardSince: since, ...full };
      expect(commitDue(waiting, DEFAULT_POLICY, never)).toBe(-Infinity);
    });
  }

  test("waits longer for more rows while the hub takes messages", ({ expect }) => {
    const rows = { ...NOTHING_WAITING, standardSince: since, standardRows: DEFAULT_POLICY.flowingRows - 1 };
    expect(commitDue({ ...rows, flowing: true }, DEFAULT_POLICY, never)).toBe(6000);
    const more = { ...rows, standardRows: DEFAULT_POLICY.flowingRows };
    expect(commitDue({ ...more, flowing: true }, DEFAULT_POLICY, never)).toBe(-Infinity);
  });

  test("lets the last values of subjects wait for half a minute", ({ expect }) => {
    expect(commitDue({ ...NOTHING_WAITING, latestSince: since }, DEFAULT_POLICY, never)).toBe(35_000);
  });

  test("tries standard messages once an interval after a failure, however many wait", ({ expect }) => {
    const waiting = { ...NOTHING_WAITING, standardRows: 5000, standardSince: since };
    expect(commitDue(waiting, DEFAULT_POLICY, { at: millis(7000), failed: true })).toBe(8000);
  });

  test("tries an urgent message also after a failure: somebody waits", ({ expect }) => {
    const waiting = { ...NOTHING_WAITING, urgent: 1, standardRows: 1, standardSince: since };
    expect(commitDue(waiting, DEFAULT_POLICY, { at: millis(7000), failed: true })).toBe(7010);
  });

  test("lets an acknowledgement wait, and everything go with a flush", ({ expect }) => {
    const waiting = { ...NOTHING_WAITING, booksSince: since };
    expect(commitDue(waiting, DEFAULT_POLICY, never)).toBe(10_000);
    expect(commitDue({ ...waiting, flush: true }, DEFAULT_POLICY, never)).toBe(-Infinity);
  });
});
