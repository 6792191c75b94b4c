import { describe, test } from "vitest";
import { bytes, millis } from "../../domain/units.ts";
import { createHeldRows, type HeldRows } from "./held-rows.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";

const row = (seq: number): RowRecord =>
  makeRecord(
    { lane: "standard", subject: "s", body: new Uint8Array(100), headers: {} },
    { seq, monotonic: millis(0), wall: millis(0), ttl: null },
  );
const rows = (from: number, to: number): RowRecord[] =>
  Array.from({ length: to - from + 1 }, (_, index) => row(from + index));
const above = (held: HeldRows, seq: number): number[] => held.above(seq).map((one) => one.seq);
const COST = costOf(row(1));

function setUp(most = 100, gone = 0): HeldRows {
  return createHeldRows({ hold: millis(1000), maxBytes: bytes(most * COST), gone });
}

describe("createHeldRows()", () => {
  test("gives what is held above a sequence, oldest first, until it is held elsewhere", ({ expect }) => {
    const held = setUp();
    held.add(rows(1, 5), millis(0));
    expect(above(held, 2)).toEqual([3, 4, 5]);
    expect(above(held, 2)).toEqual([3, 4, 5]);
    held.dropAbove(2);
    expect(above(held, 0)).toEqual([1, 2]);
    held.add(rows(6, 6), millis(0));
    expect(above(held, 0)).toEqual([1, 2, 6]);
    expect(held.total).toBe(6);
  });

  test("lets go after the time, and says up to where", ({ expect }) => {
    const held = setUp();
    held.add(rows(1, 2), millis(0));
    held.add(rows(3, 4), millis(500));
    held.add(rows(5, 5), millis(1000));
    expect(above(held, 0)).toEqual([3, 4, 5]);
    expect(held.gone).toBe(2);
  });

  test("lets go of the oldest when there are too many", ({ expect }) => {
    const held = setUp(3);
    held.add(rows(1, 10), millis(0));
    expect(above(held, 0)).toEqual([8, 9, 10]);
    expect(held.gone).toBe(7);
    // Room is counted right after some were dropped, too.
    held.dropAbove(8);
    held.add(rows(11, 12), millis(0));
    expect(above(held, 0)).toEqual([8, 11, 12]);
  });

  test("stays small over a long time", ({ expect }) => {
    const held = setUp(3);
    for (let seq = 1; seq <= 5000; seq += 1) held.add([row(seq)], millis(0));
    expect(above(held, 0)).toEqual([4998, 4999, 5000]);
  });

  test("knows nothing of what an earlier process held", ({ expect }) => {
    expect(setUp(3, 40).gone).toBe(40);
  });

  test("takes rows late whose commit failed", ({ expect }) => {
    const held = setUp();
    held.add([row(1), row(6), row(8)], millis(0));
    held.add([row(3), row(7)], millis(10));
    expect(above(held, 3)).toEqual([6, 7, 8]);
    held.dropAbove(3);
    held.add([row(9)], millis(2000));
    expect(held.gone).toBe(3);
  });
});
