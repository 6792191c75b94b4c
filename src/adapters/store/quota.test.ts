import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import type { StoredLaneState, StoredState } from "./protocol.ts";
import { createQuota, type Quota } from "./quota.ts";
import { makeRecord, type RowRecord } from "./row.ts";

const EMPTY: StoredLaneState = { rows: 0, bytes: 0, owners: {}, acknowledged: 0, last: 0, nextRelease: 0 };

function row(owner: string | undefined): RowRecord {
  const stamp = { seq: 1, monotonic: millis(0), wall: millis(0), ttl: null };
  return makeRecord({ lane: "standard", subject: "s", body: new Uint8Array(), headers: {}, owner }, stamp);
}

function storedBy(critical: Record<string, number>, standard: Record<string, number>): StoredState {
  const lanes = { critical: { ...EMPTY, owners: critical }, standard: { ...EMPTY, owners: standard } };
  return { lanes, stored: 0, floor: 0, unreported: false };
}

const allows = (quota: Quota, owner: string | undefined, cost: number): boolean => {
  try {
    quota.check(row(owner), cost);
    return true;
  } catch {
    return false;
  }
};

describe("createQuota()", () => {
  test("refuses what would go beyond, with ERR_OUTBOX_QUOTA", ({ expect }) => {
    const quota = createQuota({ each: 100, of: {} }, () => 0);
    quota.add("a", 60);
    expect(() => quota.check(row("a"), 40)).not.toThrow();
    expect(() => quota.check(row("a"), 41)).toThrow(expect.objectContaining({ code: "ERR_OUTBOX_QUOTA" }));
    expect(allows(quota, "b", 100)).toBe(true);
  });

  test("a limit of one's own counts instead of the common one, smaller or larger", ({ expect }) => {
    const quota = createQuota({ each: 100, of: { small: 10, large: 1000 } }, () => 0);
    expect(["small", "large", "constructor"].map((owner) => allows(quota, owner, 101))).toEqual([false, true, false]);
    expect(allows(quota, "constructor", 100)).toBe(true);
  });

  test("the agent itself has none", ({ expect }) => {
    expect(
      allows(
        createQuota({ each: 1, of: {} }, () => 0),
        undefined,
        1000,
      ),
    ).toBe(true);
  });

  test("counts both stored lanes, what is not written yet, and what is in memory", ({ expect }) => {
    const quota = createQuota({ each: 100, of: {} }, (owner) => (owner === "a" ? 10 : 0));
    quota.add("a", 1000);
    quota.recount(storedBy({ a: 20 }, { a: 30 }), [{ row: row("a"), cost: 25 }]);
    expect([allows(quota, "a", 15), allows(quota, "a", 16)]).toEqual([true, false]);
    expect(allows(quota, "b", 100)).toBe(true);
  });
});
