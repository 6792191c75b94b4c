import { describe, test } from "vitest";
import type { OutboxRow } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { packRows, unpackRows } from "./row-batch.ts";

const row = (seq: number, more: Partial<OutboxRow> = {}): OutboxRow => ({
  lane: "standard",
  seq,
  owner: "app",
  ttl: undefined,
  subject: "a.b",
  headers: {},
  body: new Uint8Array(),
  bootId: "one",
  monotonic: millis(seq),
  wall: millis(seq + 1),
  clock: "synced",
  ...more,
});

describe("unpackRows()", () => {
  test("gives back what packRows() was given, over a thread's border", ({ expect }) => {
    const rows = [
      row(1, { body: new Uint8Array([1, 2, 3]), headers: { Unit: "bar" } }),
      row(2),
      row(3, { body: new Uint8Array([4]), bootId: "two", clock: "unsynced", ttl: millis(5), owner: undefined }),
      row(4, { bootId: "one", body: new Uint8Array([5, 6]) }),
    ];
    const batch = packRows("standard", rows);
    const moved = structuredClone(batch, { transfer: [batch.bodies.buffer] });
    expect(unpackRows(moved)).toEqual(rows);
    expect(batch.bodies.byteLength).toBe(0);
  });

  test("has no rows for none", ({ expect }) => {
    expect(unpackRows(packRows("critical", []))).toEqual([]);
  });
});
