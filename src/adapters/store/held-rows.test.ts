import { describe, test } from "vitest";
import { bytes, millis } from "../../domain/units.ts";
import { createHeldRows } from "./held-rows.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";

function row(seq: number): RowRecord {
  const stamp = { seq, monotonic: millis(seq), wall: millis(seq), ttl: null };
  return makeRecord({ lane: "standard", subject: "s", body: new Uint8Array(10), headers: {} }, stamp);
}
const rows = (...seqs: readonly number[]): RowRecord[] => seqs.map(row);
const sequences = (taken: readonly RowRecord[]): number[] => taken.map(({ seq }) => seq);

describe("createHeldRows()", () => {
  test("gives back what is above a sequence, and says what is not held any more", ({ expect }) => {
    const held = createHeldRows({ hold: millis(100), maxBytes: bytes(1_000_000), gone: 2 });
    held.add(rows(5, 7), millis(0));
    expect(held.gone).toBe(2);
    held.add(rows(8), millis(60));
    held.add(rows(9), millis(120));
    expect(held.gone).toBe(7);
    expect(sequences(held.above(8))).toEqual([9]);
    held.dropAbove(8);
    expect(sequences(held.above(0))).toEqual([8]);
  });

  test("gives the oldest up when there are too many", ({ expect }) => {
    const held = createHeldRows({ hold: millis(100), maxBytes: bytes(3 * costOf(row(1))), gone: 0 });
    held.add(rows(1, 2, 3, 4, 5), millis(0));
    expect(held.gone).toBe(2);
    expect(sequences(held.above(0))).toEqual([3, 4, 5]);
  });

  test("takes rows late whose commit failed", ({ expect }) => {
    const held = createHeldRows({ hold: millis(100), maxBytes: bytes(1_000_000), gone: 0 });
    held.add(rows(1, 6, 8), millis(0));
    held.add(rows(3, 7), millis(10));
    expect(sequences(held.above(3))).toEqual([6, 7, 8]);
    held.dropAbove(3);
    held.add(rows(9), millis(200));
    expect(held.gone).toBe(3);
  });
});
