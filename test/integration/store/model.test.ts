// The outbox against a model that is simple enough to be right: what was accepted, what the hub has, and what may be
// gone. After every step each accepted message is at the hub, in the outbox or in the ledger, in exactly one of them.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  array,
  assert,
  asyncModelRun,
  asyncProperty,
  boolean,
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
import { LANES, STORED_LANES, type Lane, type OutboxRow, type StoredLane } from "../../../src/domain/outbox.ts";
import { isPetioleError } from "../../../src/domain/errors.ts";
import { kibibytes, mebibytes, minutes } from "../../../src/domain/units.ts";
import { laneOf, message, textOf } from "../../conformance/outbox.ts";
import { createStoreFolder, type StoreFolder } from "../../support/store.ts";

// Small enough that most scripts fill it.
const CAP = kibibytes(48);
const EVERYTHING = { rows: 100_000, bytes: mebibytes(64) };
const run = promisify(execFile);

interface ModelRow {
  readonly seq: number;
  readonly lane: Lane;
  readonly text: string;
  readonly subject: string;
  /** On disk for certain: it was promised, or a flush came after it. */
  durable: boolean;
  /** Acknowledged before it was on disk, so that it is never written: only memory has it. */
  elided: boolean;
}

class Model {
  /** Accepted and not known to be gone, by lane and in order. */
  readonly rows: Record<Lane, ModelRow[]> = { critical: [], standard: [], latest: [], ephemeral: [] };
  readonly acknowledged: Record<Lane, number> = { critical: 0, standard: 0, latest: 0, ephemeral: 0 };
  /** Messages that a crash took with it. */
  readonly crashed = new Set<number>();
  /** Acknowledged messages that only the memory of an earlier process held. */
  readonly forgotten = new Set<number>();
  readonly refused: Record<Lane, number> = { critical: 0, standard: 0, latest: 0, ephemeral: 0 };
  highest = 0;

  /** All that is not on disk yet comes there, but for what needs it no more. */
  write(lane: Lane, before = Infinity): void {
    for (const row of this.rows[lane]) if (row.seq < before && !row.elided) row.durable = true;
  }

  /** The process ends. */
  endProcess(): void {
    for (const { seq } of this.rows.ephemeral) this.crashed.add(seq);
    for (const { seq } of this.rows.standard.filter(({ elided }) => elided)) this.forgotten.add(seq);
  }

  waiting(lane: Lane): readonly ModelRow[] {
    return this.rows[lane].filter(({ seq }) => seq > this.acknowledged[lane] && !this.crashed.has(seq));
  }
}

interface Real {
  folder: StoreFolder;
  store: Store;
}

type Command = AsyncCommand<Model, Real>;

// Nothing is committed by time, so that a crash meets rows in memory; nothing is let go by time either.
const lanes = {
  standard: { commitInterval: minutes(60), commitRows: 10_000 },
  latest: { commitInterval: minutes(60), maxBytes: kibibytes(256) },
  ephemeral: { maxBytes: kibibytes(256) },
};
const outboxOptions = { maxBytes: CAP, maxMessage: kibibytes(16), hubHold: minutes(60), lanes };

/** Opens the store, and has it reserve sequences: before the first commit nothing can be read from memory. */
async function openAt(folder: StoreFolder): Promise<Store> {
  const store = await folder.open(outboxOptions);
  await store.keyValue.set("test", "opened", new Uint8Array());
  return store;
}

interface Wanted {
  readonly lane: Lane;
  readonly size: number;
  readonly subject: string;
}

function publishCommand(batch: readonly Wanted[], flush: boolean): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      const texts = batch.map(({ size }, index) => `${index}`.padEnd(size, "x"));
      const results = await Promise.allSettled(
        batch.map(({ lane, subject }, index) => real.store.outbox.publish(message(lane, texts[index], subject))),
      );
      for (const [index, result] of results.entries()) {
        const { lane, subject } = batch[index] ?? { lane: "critical", subject: "" };
        if (result.status === "rejected") {
          if (!isPetioleError(result.reason, "ERR_OUTBOX_FULL")) throw result.reason;
          model.refused[lane] += 1;
          continue;
        }
        const { seq, outcome } = result.value;
        if (seq <= model.highest && model.rows[lane].some((row) => row.seq === seq)) throw new Error(`${seq} again`);
        model.highest = Math.max(model.highest, seq);
        const durable = outcome === "durable";
        // A commit for one takes all that waits.
        if (durable) model.write("standard", seq);
        model.rows[lane].push({ seq, lane, subject, text: texts[index] ?? "", durable, elided: false });
      }
      if (flush) await flushAll(model, real);
      await compare(model, real);
    },
    toString: () => `publish(${batch.map(({ lane, size }) => `${lane} ${size}`).join(", ")}${flush ? "; flush" : ""})`,
  };
}

async function flushAll(model: Model, { store }: Real): Promise<void> {
  await store.flush();
  for (const lane of ["critical", "standard", "latest"] as const) model.write(lane);
}

function acknowledgeCommand(lane: Lane, rows: number, flush: boolean): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      const found = await real.store.outbox.read(lane, model.acknowledged[lane], { rows, bytes: mebibytes(1) });
      const seq = found.at(-1)?.seq ?? 0;
      await real.store.outbox.acknowledge(lane, seq, seq);
      model.acknowledged[lane] = Math.max(seq, model.acknowledged[lane]);
      if (lane === "standard") for (const row of model.rows.standard) if (row.seq <= seq) row.elided ||= !row.durable;
      if (flush) await flushAll(model, real);
      await compare(model, real);
    },
    toString: () => `acknowledge(${lane}, ${rows} rows${flush ? "; flush" : ""})`,
  };
}

/** The hub lost its newest messages: they must all wait again. */
function rewindCommand(lane: StoredLane, rows: number): Command {
  return {
    check: (model) => model.acknowledged[lane] > 0,
    run: async (model, real) => {
      const delivered = model.rows[lane].filter(({ seq }) => seq <= model.acknowledged[lane]);
      const to = delivered.at(-1 - rows)?.seq ?? 0;
      await real.store.outbox.rewind(lane, { seq: to, hubSeq: to === 0 ? undefined : to });
      if (to >= model.acknowledged[lane]) return;
      model.acknowledged[lane] = to;
      // What memory has of it is written now.
      for (const row of model.rows[lane]) {
        if (row.seq > to && !model.forgotten.has(row.seq)) Object.assign(row, { durable: true, elided: false });
      }
      await compare(model, real);
    },
    toString: () => `rewind(${lane}, ${rows} rows)`,
  };
}

/** The hub takes messages before they are written, and loses its newest ones. */
function unwrittenCommand(count: number, rows: number): Command {
  return {
    check: () => true,
    run: async (model, real) => {
      const batch = Array.from({ length: count }, (): Wanted => ({ lane: "standard", size: 50, subject: "doors" }));
      await publishCommand(batch, false).run(model, real);
      await acknowledgeCommand("standard", 1000, false).run(model, real);
      await rewindCommand("standard", rows).run(model, real);
    },
    toString: () => `unwritten(${count}, ${rows} rows)`,
  };
}

const reopenCommand: Command = {
  check: () => true,
  run: async (model, real) => {
    await real.store[Symbol.asyncDispose]();
    for (const lane of ["standard", "latest"] as const) model.write(lane);
    model.endProcess();
    real.store = await openAt(real.folder);
    await compare(model, real);
  },
  toString: () => "reopen",
};

/** What kill -9 leaves behind: the files as they are while the store is in use. */
const crashCommand: Command = {
  check: () => true,
  run: async (model, real) => {
    const copy = await createStoreFolder();
    // By another process: closing a file of the database here would release this process's locks on it.
    await run("cp", ["-r", `${real.folder.dir}/.`, copy.dir]);
    await real.store[Symbol.asyncDispose]();
    await real.folder[Symbol.asyncDispose]();
    real.folder = copy;
    real.store = await openAt(copy);
    model.endProcess();
    for (const lane of ["standard", "latest"] as const) {
      const { seq } = await real.store.outbox.acknowledged(lane);
      // The hub tells of what it got before; here the test does.
      if (seq < model.acknowledged[lane]) await real.store.outbox.acknowledge(lane, model.acknowledged[lane]);
      const present = new Set((await readAll(real.store, lane, model.acknowledged[lane])).map((row) => row.seq));
      for (const row of model.waiting(lane)) if (!row.durable && !present.has(row.seq)) model.crashed.add(row.seq);
    }
    for (const lane of ["critical", "ephemeral"] as const) {
      const seq = model.acknowledged[lane];
      if ((await real.store.outbox.acknowledged(lane)).seq < seq) await real.store.outbox.acknowledge(lane, seq);
    }
    // Sequences go on behind all that were ever given out.
    const { seq } = await real.store.outbox.publish(message("ephemeral", "probe"));
    if (seq <= model.highest) throw new Error(`sequence ${seq} was given out before ${model.highest}`);
    model.highest = seq;
    model.rows.ephemeral.push({
      seq,
      lane: "ephemeral",
      subject: "readings.boiler",
      text: "probe",
      durable: false,
      elided: false,
    });
    await compare(model, real);
  },
  toString: () => "crash",
};

async function readAll(store: Store, lane: Lane, after: number): Promise<readonly OutboxRow[]> {
  return store.outbox.read(lane, after, EVERYTHING);
}

function same(what: string, found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: found ${a}, want ${b}`);
}

async function compare(model: Model, { store }: Real): Promise<void> {
  const stats = await store.outbox.stats();
  const ledger = await store.outbox.ledger();
  for (const lane of LANES) {
    const rows = await readAll(store, lane, model.acknowledged[lane]);
    const found = laneOf(stats, lane);
    same(`${lane}: rows`, found.rows, rows.length);
    same(`${lane}: acknowledged`, found.acknowledged, model.acknowledged[lane]);
    const present = new Map(rows.map((row) => [row.seq, row]));
    same(
      `${lane}: order`,
      [...present.keys()],
      [...present.keys()].toSorted((a, b) => a - b),
    );
    const waiting = model.waiting(lane);
    const known = new Map(waiting.map((row) => [row.seq, row]));
    for (const row of rows) {
      const published = known.get(row.seq);
      same(`${lane} ${row.seq}`, [row.subject, textOf(row)], [published?.subject, published?.text]);
    }
    if (lane === "latest") {
      const newest = new Map(waiting.map((row) => [row.subject, row.seq]));
      same(
        "latest: newest of each subject",
        [...present.keys()],
        [...newest.values()].toSorted((a, b) => a - b),
      );
      continue;
    }
    // What waits and is not there is in the ledger; what is there is not.
    const entries = ledger.filter((entry) => entry.lane === lane);
    const inLedger = (seq: number): boolean =>
      entries.some(({ from, to, count }) => count > 0 && from <= seq && seq <= to);
    const missing = waiting.filter(({ seq }) => !present.has(seq) && !model.forgotten.has(seq));
    same(
      `${lane}: missing without a word`,
      missing.filter(({ seq }) => !inLedger(seq)).map(({ seq }) => seq),
      [],
    );
    same(
      `${lane}: both there and lost`,
      rows
        .map(({ seq }) => seq)
        .filter((seq) => entries.some(({ from, to, reason }) => reason === "cap" && from <= seq && seq <= to)),
      [],
    );
    // Which of them the hub lost nobody knows, so the range of them is all that can be said.
    const unknown = waiting.filter(({ seq }) => !present.has(seq) && model.forgotten.has(seq)).map(({ seq }) => seq);
    same(
      `${lane}: forgotten without a word`,
      unknown.filter(
        (seq) => !entries.some(({ from, to, reason }) => reason === "hub-lost" && from <= seq && seq <= to),
      ),
      [],
    );
    const dropped = entries.filter(({ reason }) => reason === "cap").reduce((sum, { count }) => sum + count, 0);
    if (lane === "critical") same("critical: dropped", dropped, 0);
    if (dropped < missing.length) throw new Error(`${lane}: ${missing.length} are missing, the ledger has ${dropped}`);
  }
  const stored = STORED_LANES.reduce((sum, lane) => sum + laneOf(stats, lane).bytes, 0);
  if (stored > CAP * 1.1 + mebibytes(1)) throw new Error(`${stored} bytes wait, the cap is ${CAP}`);
}

const lane = constantFrom<Lane>("critical", "standard", "standard", "standard", "latest", "ephemeral");
const size = oneof(integer({ min: 2, max: 600 }), integer({ min: 2, max: 9000 }));
const subject = constantFrom("readings.boiler", "readings.pump", "doors");
const publishing = () =>
  tuple(array(record({ lane, size, subject }), { minLength: 1, maxLength: 25 }), boolean()).map(([batch, flush]) =>
    publishCommand(batch, flush),
  );
const scripts = commands(
  [
    publishing(),
    publishing(),
    tuple(integer({ min: 1, max: 8 }), integer({ min: 0, max: 8 })).map(([count, rows]) =>
      unwrittenCommand(count, rows),
    ),
    tuple(constantFrom(...LANES), integer({ min: 1, max: 12 }), boolean()).map(([of, rows, flush]) =>
      acknowledgeCommand(of, rows, flush),
    ),
    tuple(constantFrom(...STORED_LANES), integer({ min: 0, max: 12 })).map(([of, rows]) => rewindCommand(of, rows)),
    constant(reopenCommand),
    constant(crashCommand),
  ],
  { maxCommands: 30 },
);

describe("openStore()", () => {
  test("keeps, drops, counts and writes down what the model does, over reopens and crashes", async ({ expect }) => {
    const checking = assert(
      asyncProperty(scripts, async (list) => {
        const folder = await createStoreFolder();
        const real: Real = { folder, store: await openAt(folder) };
        try {
          await asyncModelRun(() => ({ model: new Model(), real }), list);
        } finally {
          await real.store[Symbol.asyncDispose]();
          await real.folder[Symbol.asyncDispose]();
        }
      }),
      // A slow machine does fewer runs, and a failure is reported when the time for shrinking it is up.
      { numRuns: Number(process.env["PETIOLE_MODEL_RUNS"] ?? 40), interruptAfterTimeLimit: 90_000 },
    );
    await expect(checking).resolves.toBeUndefined();
  });
});
