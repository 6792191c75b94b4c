import * as fc from "fast-check";
import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import { createHeadTable, emptyHead, storedBytes, type Head } from "./head.ts";
import { createLaneSegments, type LaneSegments } from "./lane-segments.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";
import { applyPragmas, migrate } from "./schema.ts";
import { laneMarks } from "./sequence.ts";
import { openDatabase, type Database } from "./sqlite.ts";

/** Four to seven rows. */
const SEAL_BYTES = 4096;

function row(seq: number, size: number, owner: string): RowRecord {
  const stamp = { seq, monotonic: millis(1), wall: millis(1), ttl: null };
  return makeRecord({ lane: "standard", subject: "s", body: new Uint8Array(size), headers: {}, owner }, stamp);
}

/** The lane as a list: every row that lies in it, and how far the hub got. */
class Model {
  rows: RowRecord[] = [];
  acknowledged = 0;
  next = 1;

  waiting(): readonly RowRecord[] {
    return this.rows.filter(({ seq }) => seq > this.acknowledged);
  }

  take(lost: (one: RowRecord) => boolean): readonly RowRecord[] {
    const taken = this.rows.filter(lost);
    this.rows = this.rows.filter((one) => !lost(one));
    return taken;
  }
}

class Real {
  readonly db: Database = openDatabase(":memory:", { busyTimeout: 0 });
  readonly segments: LaneSegments;
  head: Head = emptyHead({ storeId: "s", lastSeq: 0, acknowledged: laneMarks(() => 0) });

  constructor() {
    applyPragmas(this.db, 100);
    migrate(this.db);
    const heads = createHeadTable(this.db);
    this.segments = createLaneSegments({ db: this.db, lane: "standard", heads, sealBytes: SEAL_BYTES });
    heads.save(this.head);
  }

  change<T>(work: (head: Head) => T): T {
    return this.db.transaction(() => {
      const result = work(this.head);
      createHeadTable(this.db).save(this.head);
      return result;
    });
  }

  /** What another process finds. */
  load(): Head {
    const head = createHeadTable(this.db).load();
    if (head === undefined) throw new Error("no head");
    return head;
  }
}

const total = (rows: readonly RowRecord[]): number => rows.reduce((sum, one) => sum + costOf(one), 0);

function ownersOf(rows: readonly RowRecord[]): Record<string, number> {
  const owners: Record<string, number> = {};
  for (const one of rows) owners[one.owner] = (owners[one.owner] ?? 0) + costOf(one);
  return owners;
}

type Step = (model: Model, real: Real) => void;

const size = fc.integer({ min: 0, max: 1500 });
const owner = fc.constantFrom("a", "b");
/** A place among the sequences, as a share of them. */
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (model: Model, share: number): number => Math.round(share * (model.next - 1));

const append = fc.array(fc.tuple(size, owner, fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 12 });
const step: fc.Arbitrary<readonly [string, Step]> = fc.oneof(
  append.map((rows): [string, Step] => [
    `append ${rows.length}`,
    (model, real) =>
      real.change((head) => {
        for (const [bytes, by, gap] of rows) {
          const one = row(model.next, bytes, by);
          model.next += gap;
          model.rows.push(one);
          real.segments.append(head, one, 1);
        }
      }),
  ]),
  place.map((share): [string, Step] => [
    `acknowledge ${share}`,
    (model, real) => {
      const seq = at(model, share);
      real.change((head) => real.segments.acknowledge(head, seq, seq));
      model.acknowledged = Math.max(model.acknowledged, seq);
    },
  ]),
  fc.tuple(place, fc.array(place, { maxLength: 3 })).map(([share, inserted]): [string, Step] => [
    `rewind ${share}, ${inserted.length} put back`,
    (model, real) => {
      const seq = at(model, share);
      if (seq >= model.acknowledged) return;
      const known = new Set(model.rows.map((one) => one.seq));
      const back = [...new Set(inserted.map((part) => seq + 1 + Math.floor(part * (model.acknowledged - seq - 1))))]
        .filter((one) => !known.has(one))
        .sort((a, b) => a - b)
        .map((one) => row(one, 100, "b"));
      real.change((head) => {
        for (const one of back) real.segments.insert(head, one, 1);
        real.segments.rewind(head, seq, null);
      });
      model.rows = [...model.rows, ...back].sort((a, b) => a.seq - b.seq);
      model.acknowledged = seq;
    },
  ]),
  place.map((share): [string, Step] => [
    `release ${share}`,
    (model, real) => {
      const upTo = at(model, share);
      const before = real.segments.oldest(real.head, 0)?.seq ?? 0;
      real.change((head) => real.segments.release(head, { upTo }));
      const first = real.segments.oldest(real.head, 0)?.seq ?? Infinity;
      const gone = model.take(({ seq }) => seq < first);
      // Only what was acknowledged and may go, from the oldest on.
      for (const { seq } of gone) {
        if (seq > Math.min(upTo, model.acknowledged) || seq < before) throw new Error(`released ${seq}`);
      }
    },
  ]),
  fc.integer({ min: 1, max: 10_000 }).map((bytes): [string, Step] => [
    `release ${bytes} bytes`,
    (model, real) => {
      const before = storedBytes(real.head);
      real.change((head) => real.segments.release(head, { bytes }));
      const first = real.segments.oldest(real.head, 0)?.seq ?? Infinity;
      for (const { seq } of model.take((one) => one.seq < first)) {
        if (seq > model.acknowledged) throw new Error(`released ${seq}`);
      }
      const held = real.head.lanes.standard.segments[0];
      const freed = before - storedBytes(real.head);
      if (freed < bytes && held !== undefined && held.last <= model.acknowledged) throw new Error("freed too little");
    },
  ]),
  fc.nat(20).map((index): [string, Step] => [
    `drop segment ${index}`,
    (model, real) => {
      const { segments } = real.head.lanes.standard;
      const segment = segments[index % Math.max(1, segments.length)];
      if (segment === undefined) return;
      const removed = real.change((head) => real.segments.drop(head, segment, (seq) => seq + 3));
      const gone = model.take(({ seq }) => segment.first <= seq && seq <= segment.last);
      const lost = gone.filter(({ seq }) => seq > model.acknowledged);
      const sum = (of: "count" | "bytes"): number => removed.reduce((all, part) => all + part[of], 0);
      if (sum("count") !== lost.length || sum("bytes") !== total(lost)) throw new Error("told another loss");
      for (const { from, to } of removed) if (to >= from + 3) throw new Error("a part reaches over a border");
    },
  ]),
  place.map((share): [string, Step] => [
    `remove ${share}`,
    (model, real) => {
      const seq = at(model, share);
      const removed = real.change((head) => real.segments.remove(head, seq));
      const gone = model.take((one) => one.seq === seq);
      if (removed.count !== gone.length || removed.bytes !== total(gone)) throw new Error("removed another row");
    },
  ]),
  fc.constant<readonly [string, Step]>([
    "recount",
    (_model, real) => real.change((head) => real.segments.recount(head)),
  ]),
);

function check(model: Model, real: Real): void {
  const same = (what: string, found: unknown, wanted: unknown): void => {
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
    if (a !== b) throw new Error(`${what}: found ${a}, want ${b}`);
  };
  const seqs: number[] = [];
  real.segments.scan(real.head, 0, ({ record, intact }) => {
    if (!intact) throw new Error("not intact");
    seqs.push(record.seq);
    return true;
  });
  same(
    "rows",
    seqs,
    model.rows.map(({ seq }) => seq),
  );
  const waiting = model.waiting();
  const state = real.head.lanes.standard;
  same("waiting", [state.rows, state.bytes], [waiting.length, total(waiting)]);
  const sorted = (owners: Readonly<Record<string, number>>): unknown => ["a", "b"].map((one) => owners[one]);
  same("owners", sorted(state.owners), sorted(ownersOf(waiting)));
  same("acknowledged", state.acknowledged, model.acknowledged);
  same("stored bytes", storedBytes(real.head), total(model.rows));
  same(
    "rows in segments",
    state.segments.reduce((sum, { rows }) => sum + rows, 0),
    model.rows.length,
  );
  for (const [index, { first, last }] of state.segments.entries()) {
    const next = state.segments[index + 1];
    if (last < first || (next !== undefined && next.first <= last)) throw new Error("segments overlap");
  }
  same("what another process finds", real.load().lanes.standard, JSON.parse(JSON.stringify(state)));
}

describe("createLaneSegments()", () => {
  test("keeps, counts and lets go of what a simple list does", ({ expect }) => {
    const scripts = fc.array(step, { minLength: 1, maxLength: 30 });
    const run = (): void =>
      fc.assert(
        fc.property(scripts, (steps) => {
          const [model, real] = [new Model(), new Real()];
          for (const [, take] of steps) {
            take(model, real);
            check(model, real);
          }
          real.db.close();
        }),
        { numRuns: 400 },
      );
    expect(run).not.toThrow();
  });

  test("a transaction that was rolled back leaves nothing prepared on tables that are gone", ({ expect }) => {
    const real = new Real();
    const before = structuredClone(real.head);
    const fail = (): void =>
      real.change((head) => {
        real.segments.append(head, row(1, 10, "a"), 1);
        throw new Error("no room");
      });
    expect(fail).toThrow("no room");
    real.head = before;
    real.change((head) => real.segments.append(head, row(2, 10, "a"), 1));
    expect(real.segments.oldest(real.head, 0)?.seq).toBe(2);
    expect(real.head.lanes.standard.rows).toBe(1);
  });
});
