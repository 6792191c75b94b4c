// The outbox's group commits against one commit per message: how fast, and how many bytes go to the block device for
// each message, from its acceptance until it is acknowledged, deleted and checkpointed.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store } from "../src/adapters/store/index.ts";
import { createLaneTable } from "../src/adapters/store/lane-table.ts";
import { makeRecord } from "../src/adapters/store/row.ts";
import { applyPragmas, checkpointPages, migrate } from "../src/adapters/store/schema.ts";
import { openDatabase } from "../src/adapters/store/sqlite.ts";
import type { Lane, OutboxMessage } from "../src/domain/outbox.ts";
import { mebibytes, millis } from "../src/domain/units.ts";
import { systemClock } from "../src/lib/clock.ts";
import { silentLogger } from "../src/lib/log.ts";
import type { Benchmark, Report } from "./frame.ts";

const PAYLOAD = 200;
const CAP = mebibytes(64);
const WINDOW = { rows: 256, bytes: mebibytes(1) };

interface Cost {
  readonly perSecond: number;
  /** 0 where the kernel does not count, as on tmpfs. */
  readonly bytesPerMessage: number;
}

const messageFor = (lane: Lane): OutboxMessage => ({
  lane,
  subject: "readings.boiler",
  body: new Uint8Array(PAYLOAD).fill(120),
  headers: {},
});

export const benchmark: Benchmark = {
  title: `outbox: group commit against one commit per message, ${PAYLOAD} B each, disk synced`,
  parts: { publish: reportPublish, drain: reportDrain },
};

async function reportPublish(report: Report): Promise<void> {
  const baseline = await measure(500, commitEach);
  reportCost(report, "one commit per message", baseline);
  const variants = [
    {
      name: "critical, one publisher",
      messages: 500,
      work: withStore((store, n) => publishInTurn(store, n, "critical")),
    },
    {
      name: "critical, 64 publishers",
      messages: 20_000,
      work: withStore((store, n) => publishTogether(store, n, 64)),
    },
    {
      name: "standard, 10 per commit",
      messages: 2000,
      work: withStore((store, n) => publishInTurn(store, n, "standard", 10)),
    },
    {
      name: "standard, as it comes",
      messages: 50_000,
      work: withStore((store, n) => publishInTurn(store, n, "standard")),
      goals: { perSecond: 2000, bytesPerMessage: 1000 },
    },
  ];
  for (const { name, messages, work, goals } of variants) {
    reportCost(report, name, await measure(messages, work), baseline, goals);
  }
}

function reportCost(
  report: Report,
  name: string,
  cost: Cost,
  baseline?: Cost,
  goals?: { readonly perSecond: number; readonly bytesPerMessage: number },
): void {
  report({
    name: `${name}: published`,
    value: cost.perSecond,
    unit: "msg/s",
    ...(baseline && { ratio: cost.perSecond / baseline.perSecond }),
    ...(goals && { goal: { of: "value", atLeast: goals.perSecond } }),
  });
  if (cost.bytesPerMessage === 0) return;
  report({
    name: `${name}: written`,
    value: cost.bytesPerMessage,
    unit: "B/msg",
    ...(baseline && { ratio: cost.bytesPerMessage / baseline.bytesPerMessage }),
    ...(goals && { goal: { of: "value", atMost: goals.bytesPerMessage } }),
  });
}

/** Runs `work` in an empty folder. It calls `published` when the last message is accepted for good. */
async function measure(
  messages: number,
  work: (dir: string, messages: number, published: () => void) => Promise<void>,
): Promise<Cost> {
  const dir = await mkdtemp(join(tmpdir(), "petiole-bench-"));
  try {
    const before = await bytesWritten();
    const start = performance.now();
    let end = start;
    await work(dir, messages, () => {
      end = performance.now();
    });
    const written = (await bytesWritten()) - before;
    return { perSecond: messages / ((end - start) / 1000), bytesPerMessage: written / messages };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What this process has caused to be sent to block devices. */
async function bytesWritten(): Promise<number> {
  const counters = await readFile("/proc/self/io", "utf8");
  return Number(/^write_bytes: (\d+)$/m.exec(counters)?.[1] ?? 0);
}

/** The baseline: the same table and the same pragmas, but a transaction for each message. */
async function commitEach(dir: string, messages: number, published: () => void): Promise<void> {
  const db = openDatabase(join(dir, "baseline.db"), { busyTimeout: 0 });
  applyPragmas(db, checkpointPages(CAP));
  migrate(db);
  const table = createLaneTable(db, "standard");
  for (let seq = 1; seq <= messages; seq += 1) {
    const record = makeRecord(messageFor("standard"), { seq, monotonic: millis(seq), wall: millis(seq) });
    db.transaction(() => table.insert(record, 1));
  }
  published();
  for (let upTo = WINDOW.rows; upTo < messages + WINDOW.rows; upTo += WINDOW.rows) {
    db.transaction(() => table.removeOldest({ after: 0, upTo, rows: Infinity, bytes: Infinity }));
  }
  db.close();
}

/** Publishes into a store, then acknowledges everything as a forwarder does. */
function withStore(
  publish: (store: Store, messages: number) => Promise<void>,
): (dir: string, messages: number, published: () => void) => Promise<void> {
  return async (dir, messages, published) => {
    await using store = await openStore({ dir, log: silentLogger, clock: systemClock, outbox: { maxBytes: CAP } });
    await publish(store, messages);
    await store.flush();
    published();
    await drain(store, "critical");
    await drain(store, "standard");
  };
}

async function drain(store: Store, lane: Lane): Promise<number> {
  let rows = 0;
  for (let after = await store.outbox.acknowledged(lane); ;) {
    const window = await store.outbox.read(lane, after, WINDOW);
    const last = window.at(-1);
    if (last === undefined) return rows;
    rows += window.length;
    after = last.seq;
    await store.outbox.acknowledge(lane, after);
  }
}

async function publishInTurn(store: Store, messages: number, lane: Lane, flushEvery = Infinity): Promise<void> {
  for (let n = 1; n <= messages; n += 1) {
    await store.outbox.publish(messageFor(lane));
    if (n % flushEvery === 0) await store.flush();
  }
}

async function publishTogether(store: Store, messages: number, publishers: number): Promise<void> {
  await Promise.all(
    Array.from({ length: publishers }, () => publishInTurn(store, Math.floor(messages / publishers), "critical")),
  );
}

async function reportDrain(report: Report): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "petiole-bench-"));
  try {
    await using store = await openStore({ dir, log: silentLogger, clock: systemClock, outbox: { maxBytes: CAP } });
    await publishInTurn(store, 50_000, "standard");
    await store.flush();
    const start = performance.now();
    const rows = await drain(store, "standard");
    const value = rows / ((performance.now() - start) / 1000);
    report({ name: "backlog: read and acknowledged", value, unit: "msg/s" });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
