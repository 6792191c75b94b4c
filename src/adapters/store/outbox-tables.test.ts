import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import type { Lane } from "../../domain/outbox.ts";
import { EMPTY_COMMIT, NOW } from "../../../test/support/store.ts";
import { createHeadTable, emptyHead } from "./head.ts";
import { OutboxTables } from "./outbox-tables.ts";
import type { CommitRequest, StoredState } from "./protocol.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";
import { applyPragmas, migrate } from "./schema.ts";
import { laneMarks } from "./sequence.ts";
import { openDatabase, type Database } from "./sqlite.ts";

/** Segments of a page: four rows each. */
const CAP = 16 * 4096;
const EVERYTHING = { rows: 1000, bytes: 10_000_000, offers: false };
const FLOOR = 1_000_000;

function createDatabase(): Database {
  const db = openDatabase(":memory:", { busyTimeout: 0 });
  applyPragmas(db, 100);
  migrate(db);
  return db;
}

interface Opened {
  readonly tables: OutboxTables;
  readonly commit: (request: Partial<CommitRequest>) => void;
  readonly state: () => StoredState;
  readonly seqs: (after?: number) => readonly number[];
}

function open(db: Database, { boot = "a", standardCap = CAP } = {}): Opened {
  const heads = createHeadTable(db);
  const head = heads.load() ?? emptyHead({ storeId: "store", lastSeq: 0, acknowledged: laneMarks(() => 0) });
  const laneCaps = { critical: CAP, standard: standardCap };
  const tables = new OutboxTables(db, { cap: CAP, laneCaps, bootId: boot, head, heads });
  return {
    tables,
    commit: (request) => void tables.commit({ ...EMPTY_COMMIT, ...request }, () => undefined),
    state: () => tables.state(FLOOR),
    seqs: (after = 0) => tables.read("standard", after, EVERYTHING, NOW).rows.map(({ seq }) => seq),
  };
}

function row(
  lane: Lane,
  seq: number,
  { ttl = null, size = 1000 }: { ttl?: number | null; size?: number } = {},
): RowRecord {
  const stamp = { seq, monotonic: millis(NOW.monotonic), wall: millis(NOW.wall), ttl };
  return makeRecord({ lane, subject: "readings", body: new Uint8Array(size), headers: {} }, stamp);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const standard = (from: number, to: number, options = {}): RowRecord[] =>
  range(from, to).map((seq) => row("standard", seq, options));

describe("OutboxTables", () => {
  test("knows the boot of a latest message when nothing else was ever stored", ({ expect }) => {
    const db = createDatabase();
    open(db, { boot: "a" }).commit({ latest: [row("latest", 1)] });
    expect(open(db, { boot: "b" }).tables.loadLatest()).toMatchObject([{ boot: { id: "a" }, thisBoot: false }]);
  });

  test("remembers the boot of a latest message as long as it is there", ({ expect }) => {
    const db = createDatabase();
    open(db, { boot: "a" }).commit({ latest: [row("latest", 1)] });
    for (const [index, boot] of ["b", "c"].entries())
      open(db, { boot }).commit({ rows: standard(index + 2, index + 2) });
    const [latest] = open(db, { boot: "d" }).tables.loadLatest();
    expect(latest?.boot).toEqual({ number: 1, id: "a", offset: 0 });
  });

  test("rewind() tells of no loss when later rows expired and all that was acknowledged is held", ({ expect }) => {
    const { commit, tables, seqs } = open(createDatabase());
    commit({ rows: standard(1, 8) });
    commit({ acknowledged: { standard: { seq: 8, hubSeq: 8 } } });
    commit({ rows: standard(9, 16, { ttl: 10 }) });
    commit({ now: { ...NOW, monotonic: NOW.monotonic + 1000 } });
    tables.rewind({ kind: "rewind", now: NOW, lane: "standard", to: { seq: 0, hubSeq: undefined }, rows: [], gone: 0 });
    expect(seqs()).toEqual(range(1, 8));
    expect(tables.ledger()).toMatchObject([{ reason: "expired", from: 9, to: 16, count: 8 }]);
  });

  test("rewind() tells of what was held in a segment that had to be taken out of use", ({ expect }) => {
    const { commit, tables, seqs, state } = open(createDatabase());
    commit({ rows: standard(1, 3), acknowledged: {} });
    commit({ acknowledged: { standard: { seq: 2, hubSeq: 2 } } });
    expect(tables.quarantine("standard", 1, NOW)).toEqual({ rescued: 1, lost: 0 });
    tables.rewind({ kind: "rewind", now: NOW, lane: "standard", to: { seq: 0, hubSeq: undefined }, rows: [], gone: 0 });
    expect(seqs()).toEqual([3]);
    expect(state().lanes.standard.rows).toBe(1);
    expect(tables.ledger()).toMatchObject([{ reason: "hub-lost", from: 1, to: 2 }]);
  });

  test("refuse() gives the row's bytes back", ({ expect }) => {
    const { commit, tables, state } = open(createDatabase());
    commit({ rows: standard(1, 2) });
    const before = state();
    tables.refuse("standard", 1, NOW);
    const cost = costOf(row("standard", 1));
    expect(state().stored).toBe(before.stored - cost);
    expect(state().lanes.standard).toMatchObject({ rows: 1, bytes: before.lanes.standard.bytes - cost });
  });

  test("drops what has expired also behind a segment of which nothing is left", ({ expect }) => {
    const { commit, tables, state } = open(createDatabase());
    commit({ rows: standard(1, 12, { ttl: 10 }) });
    for (const seq of range(1, 4)) tables.refuse("standard", seq, NOW);
    commit({ now: { ...NOW, monotonic: NOW.monotonic + 1000 } });
    expect(state()).toMatchObject({ stored: 0, lanes: { standard: { rows: 0, bytes: 0 } } });
    expect(tables.ledger()).toMatchObject([
      { reason: "refused", count: 4 },
      { reason: "expired", from: 5, to: 12, count: 8 },
    ]);
  });

  test("keeps a segment as long as one of its rows is worth sending", ({ expect }) => {
    const { commit, seqs } = open(createDatabase());
    commit({
      rows: [...standard(1, 1, { ttl: 10 }), ...standard(2, 2, { ttl: null }), ...standard(3, 3, { ttl: 10 })],
    });
    commit({ now: { ...NOW, monotonic: NOW.monotonic + 1000 } });
    expect(seqs()).toEqual([1, 2, 3]);
  });

  test("a full lane drops what was not offered yet before what may be on its way", ({ expect }) => {
    const { commit, tables, seqs } = open(createDatabase(), { standardCap: 8 * 4096 });
    commit({ rows: standard(1, 22) });
    commit({ rows: standard(23, 30), offered: { standard: 6 } });
    expect(seqs().slice(0, 6)).toEqual(range(1, 6));
    expect(tables.ledger().every(({ reason, from }) => reason === "cap" && from > 6)).toBe(true);
  });

  test("counts a row that a commit brings and acknowledges, in neither order twice", ({ expect }) => {
    const { commit, state } = open(createDatabase());
    commit({ rows: standard(1, 3), acknowledged: { standard: { seq: 2, hubSeq: 2 } } });
    expect(state().lanes.standard).toMatchObject({ rows: 1, acknowledged: 2 });
    commit({ acknowledged: { standard: { seq: 3, hubSeq: 3 } } });
    expect(state().lanes.standard).toMatchObject({ rows: 0, bytes: 0, owners: {} });
  });
});
