// The outbox against a model that is simple enough to be right: lists of rows, a cap, and marks.

import {
  array,
  assert,
  asyncModelRun,
  asyncProperty,
  commands,
  constant,
  constantFrom,
  integer,
  oneof,
  record,
  tuple,
  type AsyncCommand,
} from "fast-check";
import { describe, test } from "vitest";
import type { Store } from "../../../src/adapters/store/index.ts";
import { makeRecord, recordSizes, rowCost } from "../../../src/adapters/store/row.ts";
import { LANES, type Lane } from "../../../src/domain/outbox.ts";
import { bytes, kibibytes, mebibytes, millis, type Bytes } from "../../../src/domain/units.ts";
import { laneOf, message } from "../../conformance/outbox.ts";
import { createStoreFolder, type StoreFolder } from "../../support/store.ts";

const CAP = kibibytes(24);

interface ModelRow {
  readonly seq: number;
  readonly lane: Lane;
  readonly text: string;
  readonly cost: number;
}

/** What the store should hold. Every step of the test ends with a flush, so the model knows no memory. */
class Model {
  rows: ModelRow[] = [];
  readonly lost: ModelRow[] = [];
  readonly acknowledged: Record<Lane, number> = { critical: 0, standard: 0 };
  offered = 0;
  lastSeq = 0;

  of(lane: Lane): readonly ModelRow[] {
    return this.rows.filter((row) => row.lane === lane);
  }

  bytesOf(rows: readonly ModelRow[]): Bytes {
    return bytes(rows.reduce((sum, row) => sum + row.cost, 0));
  }

  /** One commit. Returns which of the messages are accepted. */
  publish(batch: readonly { readonly lane: Lane; readonly text: string }[]): readonly boolean[] {
    const committed = this.bytesOf(this.of("critical"));
    const accepted = batch.map(({ lane, text }) => {
      this.lastSeq += 1;
      const seq = this.lastSeq;
      const cost = rowCost(
        recordSizes(makeRecord(message(lane, text), { seq, monotonic: millis(0), wall: millis(0) })),
      );
      const others = lane === "critical" ? this.bytesOf(this.of("critical")) : committed;
      if (others + cost > CAP) return false;
      this.rows.push({ seq, lane, text, cost });
      return true;
    });
    while (this.bytesOf(this.rows) > CAP) {
      const standard = this.of("standard");
      const victim = standard.find(({ seq }) => seq > this.offered) ?? standard[0];
      if (victim === undefined) break;
      this.rows = this.rows.filter((row) => row !== victim);
      this.lost.push(victim);
    }
    return accepted;
  }

  acknowledge(lane: Lane, seq: number): void {
    this.acknowledged[lane] = Math.max(seq, this.acknowledged[lane]);
    this.rows = this.rows.filter((row) => row.lane !== lane || row.seq > this.acknowledged[lane]);
  }
}

interface Real {
  readonly folder: StoreFolder;
  store: Store;
}

type Command = AsyncCommand<Model, Real>;

const outboxOptions = { maxBytes: CAP, maxMessage: kibibytes(16) };

function publishCommand(batch: readonly { readonly lane: Lane; readonly size: number }[]): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      const messages = batch.map(({ lane, size }, index) => ({ lane, text: `${index}`.padEnd(size, "x") }));
      const results = await Promise.allSettled([
        ...messages.map(({ lane, text }) => real.store.outbox.publish(message(lane, text))),
        real.store.flush(),
      ]);
      const accepted = results.slice(0, -1).map((result) => result.status === "fulfilled");
      const expected = model.publish(messages);
      if (accepted.join() !== expected.join()) throw new Error(`accepted ${accepted.join()}, want ${expected.join()}`);
      await compare(model, real);
    },
    toString: () => `publish(${batch.map(({ lane, size }) => `${lane} ${size}`).join(", ")})`,
  };
}

function acknowledgeCommand(lane: Lane, rows: number): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      const found = await real.store.outbox.read(lane, 0, { rows, bytes: mebibytes(1) });
      const expected = model.of(lane).slice(0, rows);
      same(
        "read",
        found.map((row) => [row.seq, row.body.byteLength]),
        expected.map((row) => [row.seq, row.text.length]),
      );
      const seq = found.at(-1)?.seq ?? 0;
      if (lane === "standard") model.offered = Math.max(model.offered, seq);
      await real.store.outbox.acknowledge(lane, seq);
      await real.store.flush();
      model.acknowledge(lane, seq);
      await compare(model, real);
    },
    toString: () => `acknowledge(${lane}, ${rows} rows)`,
  };
}

/** Offers rows without acknowledging them, as with a link that went down. */
function offerCommand(rows: number): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      const found = await real.store.outbox.read("standard", 0, { rows, bytes: mebibytes(1) });
      model.offered = Math.max(model.offered, found.at(-1)?.seq ?? 0);
    },
    toString: () => `offer(${rows} rows)`,
  };
}

const reopenCommand: Command = {
  check: () => true,
  run: async (model, real) => {
    await real.store[Symbol.asyncDispose]();
    real.store = await real.folder.open(outboxOptions);
    model.offered = 0;
    await compare(model, real);
  },
  toString: () => "reopen",
};

function same(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: found ${a}, want ${b}`);
}

async function compare(model: Model, { store }: Real): Promise<void> {
  const stats = await store.outbox.stats();
  const ledger = await store.outbox.ledger();
  same("last sequence", stats.lastSeq, model.lastSeq);
  same("bytes", stats.bytes, model.bytesOf(model.rows));
  for (const lane of LANES) {
    const lost = model.lost.filter((row) => row.lane === lane);
    const found = laneOf(stats, lane);
    same(
      lane,
      [found.rows, found.bytes, found.acknowledged, found.dropped],
      [model.of(lane).length, model.bytesOf(model.of(lane)), model.acknowledged[lane], lost.length],
    );
    const entries = ledger.filter((entry) => entry.lane === lane);
    same(
      "ledger count",
      entries.reduce((sum, { count }) => sum + count, 0),
      lost.length,
    );
    same(
      "ledger bytes",
      entries.reduce((sum, entry) => sum + entry.bytes, 0),
      model.bytesOf(lost),
    );
    // Each range names lost rows only: as many as it says, and none that is there or was delivered.
    const surviving = model.of(lane);
    for (const { from, to, count } of entries) {
      const within = ({ seq }: ModelRow): boolean => from <= seq && seq <= to;
      same(`ledger ${from}..${to}`, [count, 0], [lost.filter(within).length, surviving.filter(within).length]);
    }
  }
}

const lane = constantFrom<Lane>("critical", "standard", "standard", "standard");
const size = oneof(integer({ min: 2, max: 600 }), integer({ min: 2, max: 9000 }));
const scripts = commands(
  [
    array(record({ lane, size }), { minLength: 1, maxLength: 25 }).map(publishCommand),
    tuple(constantFrom(...LANES), integer({ min: 1, max: 12 })).map(([of, rows]) => acknowledgeCommand(of, rows)),
    integer({ min: 1, max: 12 }).map(offerCommand),
    constant(reopenCommand),
  ],
  { maxCommands: 30 },
);

describe("openStore()", () => {
  test("keeps, drops, counts and writes down what the model does, over reopens", async ({ expect }) => {
    const checking = assert(
      asyncProperty(scripts, async (list) => {
        await using folder = await createStoreFolder();
        const real: Real = { folder, store: await folder.open(outboxOptions) };
        try {
          await asyncModelRun(() => ({ model: new Model(), real }), list);
        } finally {
          await real.store[Symbol.asyncDispose]();
        }
      }),
      // A slow machine does fewer runs, and a failure is reported when the time for shrinking it is up.
      { numRuns: 30, interruptAfterTimeLimit: 70_000 },
    );
    await expect(checking).resolves.toBeUndefined();
  });
});
