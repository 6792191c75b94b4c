// Group commits against one commit per message: how fast, and how many bytes go to the block device for each message,
// from its acceptance until it is acknowledged, dropped and checkpointed.

import { join } from "node:path";
import { createHeadTable, emptyHead } from "../../src/adapters/store/head.ts";
import { createLaneSegments } from "../../src/adapters/store/lane-segments.ts";
import { makeRecord } from "../../src/adapters/store/row.ts";
import { applyPragmas, checkpointPages, migrate } from "../../src/adapters/store/schema.ts";
import { laneMarks } from "../../src/adapters/store/sequence.ts";
import { openDatabase } from "../../src/adapters/store/sqlite.ts";
import type { Store } from "../../src/adapters/store/index.ts";
import { millis } from "../../src/domain/units.ts";
import type { Report } from "../frame.ts";
import { bytesWritten, CAP, inFolder, messageOf, openAt, publishInTurn, readAll } from "./load.ts";

interface Cost {
  readonly perSecond: number;
  readonly bytesPerMessage: number;
  /** Flushes of the write-ahead log: one for each commit. */
  readonly commitsPerMessage: number;
}

/** Tells that the last message is accepted for good, and with how many commits. */
type Published = (commits: number) => void;
type Work = (dir: string, messages: number, published: Published) => Promise<void>;

export async function reportPublish(report: Report): Promise<void> {
  const baseline = await measure(500, commitEach);
  reportCost(report, "one commit per message", baseline);
  const variants = [
    { name: "critical, one publisher", messages: 500, work: withStore((s, n) => publishInTurn(s, n, "critical")) },
    { name: "critical, 64 publishers", messages: 20_000, work: withStore((s, n) => publishTogether(s, n, 64)) },
    {
      name: "standard, 10 per commit",
      messages: 2000,
      work: withStore((s, n) => publishInTurn(s, n, "standard", { flushEvery: 10 })),
    },
    {
      name: "standard, as it comes",
      messages: 50_000,
      work: withStore((s, n) => publishInTurn(s, n, "standard")),
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
  report({
    name: `${name}: flushed`,
    value: cost.commitsPerMessage,
    unit: "commits/msg",
    ...(baseline && { ratio: cost.commitsPerMessage / baseline.commitsPerMessage }),
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

function measure(messages: number, work: Work): Promise<Cost> {
  return inFolder(async (dir) => {
    const before = await bytesWritten();
    const start = performance.now();
    let end = start;
    let commits = 0;
    await work(dir, messages, (count) => {
      end = performance.now();
      commits = count;
    });
    const written = (await bytesWritten()) - before;
    return {
      perSecond: messages / ((end - start) / 1000),
      bytesPerMessage: written / messages,
      commitsPerMessage: commits / messages,
    };
  });
}

/** The baseline: the same tables and the same pragmas, but a transaction for each message. */
async function commitEach(dir: string, messages: number, published: Published): Promise<void> {
  const db = openDatabase(join(dir, "baseline.db"), { busyTimeout: 0 });
  applyPragmas(db, checkpointPages(CAP));
  migrate(db);
  const heads = createHeadTable(db);
  const head = emptyHead({ storeId: "baseline", lastSeq: 0, acknowledged: laneMarks(() => 0) });
  const lane = createLaneSegments({ db, lane: "standard", heads, sealBytes: 4 * 1024 * 1024 });
  for (let seq = 1; seq <= messages; seq += 1) {
    const stamp = { seq, monotonic: millis(seq), wall: millis(seq), ttl: null };
    db.transaction(() => {
      lane.append(head, makeRecord(messageOf("standard"), stamp), 1);
      heads.save(head);
    });
  }
  published(messages);
  db.transaction(() => {
    lane.acknowledge(head, messages, null);
    lane.release(head, { bytes: Infinity });
    heads.save(head);
  });
  db.close();
}

/** Publishes into a store, then acknowledges everything as a forwarder does, and lets it go. */
function withStore(publish: (store: Store, messages: number) => Promise<void>): Work {
  return async (dir, messages, published) => {
    await using store = await openAt(dir, { hubHold: millis(0) });
    await publish(store, messages);
    await store.flush();
    published((await store.outbox.stats()).store.commits);
    await readAll(store, "critical");
    await readAll(store, "standard");
    await store.flush();
  };
}

async function publishTogether(store: Store, messages: number, publishers: number): Promise<void> {
  await Promise.all(
    Array.from({ length: publishers }, () => publishInTurn(store, Math.floor(messages / publishers), "critical")),
  );
}
