import { describe, test } from "vitest";
import { kibibytes, millis } from "../../domain/units.ts";
import { createOutboxReader } from "./outbox-reader.ts";
import type { MemoryLane } from "./memory-lane.ts";
import type { MemoryLoss, StoredLaneState, StoredState } from "./protocol.ts";
import { makeRecord, type RowRecord } from "./row.ts";

const EMPTY: StoredLaneState = { rows: 0, bytes: 0, owners: {}, acknowledged: 0, last: 0, nextRelease: 0 };
const NOW = { wall: 2000, monotonic: 2000, synced: true };
const WINDOW = { rows: 100, bytes: kibibytes(64) };

function row(seq: number, ttl: number | null = null): RowRecord {
  const stamp = { seq, monotonic: millis(1000), wall: millis(1000), ttl };
  return makeRecord({ lane: "standard", subject: "s", body: new Uint8Array(), headers: {} }, stamp);
}

interface Given {
  readonly inMemory: readonly RowRecord[];
  /** Rows among them that a commit has taken. */
  readonly committing?: readonly number[];
  readonly floor?: number;
}

function setUp({ inMemory, committing = [], floor = 1000 }: Given): {
  seqs: (after?: number) => Promise<readonly number[]>;
  losses: MemoryLoss[];
} {
  const losses: MemoryLoss[] = [];
  const current: StoredState = { lanes: { critical: EMPTY, standard: EMPTY }, stored: 0, floor, unreported: false };
  // Lanes of their own, which have tests of their own.
  const none = {} as MemoryLane;
  const read = createOutboxReader({
    client: { call: () => Promise.reject(new Error("there is nothing on disk")) },
    queue: {
      standardRows: () => inMemory.values(),
      takeOut: (seq) => (committing.includes(seq) ? undefined : inMemory.find((one) => one.seq === seq)),
      lose: (loss) => void losses.push(loss),
    },
    stored: { current, update: () => {} },
    memoryLanes: { latest: none, ephemeral: none },
    now: () => NOW,
    bootId: "boot",
    bootOffset: () => undefined,
  });
  return { losses, seqs: async (after = 0) => (await read("standard", after, WINDOW)).map(({ seq }) => seq) };
}

describe("createOutboxReader()", () => {
  test("gives no row whose sequence could be given out again after a power cut", async ({ expect }) => {
    const { seqs } = setUp({ inMemory: [row(1), row(2), row(3)], floor: 2 });
    expect(await seqs()).toEqual([1, 2]);
    expect(await seqs(2)).toEqual([]);
  });

  test("gives up what grew old in memory, and gives what is behind it", async ({ expect }) => {
    const { seqs, losses } = setUp({ inMemory: [row(1, 10), row(2), row(3, 1000)] });
    expect(await seqs()).toEqual([2, 3]);
    expect(losses).toMatchObject([{ from: 1, to: 1, count: 1, reason: "expired" }]);
  });

  test("stops at what grew old while it is being written: it is given up on disk", async ({ expect }) => {
    const { seqs, losses } = setUp({ inMemory: [row(1), row(2, 10), row(3)], committing: [1, 2] });
    expect(await seqs()).toEqual([1]);
    expect(losses).toEqual([]);
  });
});
