import { describe, test } from "vitest";
import { bytes, millis } from "../../domain/units.ts";
import { createMemoryLane, type MemoryLane } from "./memory-lane.ts";
import type { MemoryLoss } from "./protocol.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";

const NOW = { wall: 1_700_000_010_000, monotonic: 10_000, synced: true };
const WINDOW = { rows: 100, bytes: 1_000_000 };

interface Wanted {
  readonly subject?: string;
  readonly ttl?: number | null;
  readonly owner?: string;
}

function row(seq: number, { subject = "s", ttl = null, owner = "a" }: Wanted = {}): RowRecord {
  const stamp = { seq, monotonic: millis(9000), wall: millis(5), ttl };
  return makeRecord({ lane: "latest", subject, body: new Uint8Array(100), headers: {}, owner }, stamp);
}

const COST = costOf(row(1));

function setUp({ onePerSubject = false, most = 100 } = {}): {
  lane: MemoryLane;
  losses: MemoryLoss[];
  gone: number[];
  /** When this boot began, as far as the clock is known. */
  clock: { offset: number | undefined };
  seqs: () => number[];
} {
  const losses: MemoryLoss[] = [];
  const gone: number[] = [];
  const clock: { offset: number | undefined } = { offset: NOW.wall - NOW.monotonic };
  const lane = createMemoryLane({
    lane: "latest",
    onePerSubject,
    maxBytes: bytes(most * COST),
    bootId: "this",
    bootOffset: () => clock.offset,
    onLoss: (loss) => losses.push(loss),
    onGone: ({ seq }) => gone.push(seq),
  });
  return { lane, losses, gone, clock, seqs: () => lane.read(0, WINDOW, NOW).map(({ seq }) => seq) };
}

describe("createMemoryLane()", () => {
  test("keeps the newest message of each subject where that is wanted, and tells of no loss", ({ expect }) => {
    const { lane, losses, gone, seqs } = setUp({ onePerSubject: true });
    for (const [seq, subject] of ["a", "b", "a", "c", "a"].entries()) lane.add(row(seq + 1, { subject }));
    expect(seqs()).toEqual([2, 4, 5]);
    expect([lane.rows, lane.bytes, lane.superseded]).toEqual([3, 3 * COST, 2]);
    expect(gone).toEqual([1, 3]);
    expect(losses).toEqual([]);
  });

  test("drops the oldest beyond its bytes and tells of each", ({ expect }) => {
    const { lane, losses, seqs } = setUp({ most: 3 });
    for (let seq = 1; seq <= 5; seq += 1) lane.add(row(seq));
    expect(seqs()).toEqual([3, 4, 5]);
    expect(losses.map(({ from, to, count, reason }) => [from, to, count, reason])).toEqual([
      [1, 1, 1, "cap"],
      [2, 2, 1, "cap"],
    ]);
  });

  test("acknowledging ends what is at or below, and no message twice", ({ expect }) => {
    const { lane, losses, gone, seqs } = setUp();
    for (let seq = 1; seq <= 4; seq += 1) lane.add(row(seq));
    lane.acknowledge(2);
    lane.acknowledge(2);
    lane.acknowledge(1);
    expect(seqs()).toEqual([3, 4]);
    expect(gone).toEqual([1, 2]);
    lane.refuse(3);
    lane.refuse(3);
    expect(losses).toMatchObject([{ from: 3, reason: "refused" }]);
    expect(lane.bytes).toBe(COST);
  });

  test("gives nothing that is too old, also in front of and between others", ({ expect }) => {
    const { lane, losses, seqs } = setUp();
    lane.add(row(1, { ttl: 999 }));
    lane.add(row(2));
    lane.add(row(3, { ttl: 999 }));
    lane.add(row(4, { ttl: 1000 }));
    expect(seqs()).toEqual([2, 4]);
    expect(losses.map(({ from, reason }) => [from, reason])).toEqual([
      [1, "expired"],
      [3, "expired"],
    ]);
  });

  test("reads windows, one message at least", ({ expect }) => {
    const { lane } = setUp();
    for (let seq = 1; seq <= 5; seq += 1) lane.add(row(seq));
    const read = (after: number, rows: number, size: number): number[] =>
      lane.read(after, { rows, bytes: size }, NOW).map(({ seq }) => seq);
    expect(read(1, 2, 1_000_000)).toEqual([2, 3]);
    expect(read(0, 10, 1)).toEqual([1]);
    expect(read(5, 10, 1)).toEqual([]);
  });

  test("says how much each publisher holds", ({ expect }) => {
    const { lane } = setUp();
    for (const [seq, owner] of ["a", "b", "a"].entries()) lane.add(row(seq + 1, { owner }));
    expect([lane.bytesOf("a"), lane.bytesOf("b"), lane.bytesOf("c")]).toEqual([2 * COST, COST, 0]);
    lane.acknowledge(3);
    expect([lane.bytesOf("a"), lane.bytesOf("b")]).toEqual([0, 0]);
  });

  test("keeps the stamps of the boot in which a message was accepted", ({ expect }) => {
    const { clock, lane } = setUp();
    const boot = { number: 1, id: "earlier", offset: 1_600_000_000_000 };
    lane.load([{ row: row(1), boot, thisBoot: false }]);
    lane.add(row(2));
    expect(lane.read(0, WINDOW, NOW)).toMatchObject([
      { seq: 1, bootId: "earlier", wall: 1_600_000_009_000, clock: "synced" },
      { seq: 2, bootId: "this", wall: 1_700_000_009_000, clock: "synced" },
    ]);
    clock.offset = undefined;
    expect(lane.read(1, WINDOW, { ...NOW, synced: false })).toMatchObject([{ wall: 5, clock: "unsynced" }]);
    expect(lane.oldest(NOW)?.wall).toBe(1_600_000_009_000);
  });
});
