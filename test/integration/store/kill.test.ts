// A process that is killed at any moment loses nothing that it called durable, never uses a sequence twice, and
// leaves a database that is sound.

import { join } from "node:path";
import { describe, test } from "vitest";
import { openDatabase } from "../../../src/adapters/store/sqlite.ts";
import type { OutboxRow } from "../../../src/domain/outbox.ts";
import { mebibytes } from "../../../src/domain/units.ts";
import type { Outbox } from "../../../src/provider/services.ts";
import type { OutboxSource } from "../../../src/host/ports.ts";
import { laneOf, textOf } from "../../conformance/outbox.ts";
import { createStoreFolder } from "../../support/store.ts";
import { spawnWriter } from "./spawn-writer.ts";

const ROUNDS = 30;

async function readAll(outbox: Outbox & OutboxSource, lane: "critical" | "standard"): Promise<readonly OutboxRow[]> {
  const all: OutboxRow[] = [];
  const { seq } = await outbox.acknowledged(lane);
  for (;;) {
    const rows = await outbox.read(lane, all.at(-1)?.seq ?? seq, { rows: 100, bytes: mebibytes(1) });
    if (rows.length === 0) return all;
    all.push(...rows);
  }
}

function integrity(dir: string): unknown {
  const db = openDatabase(join(dir, "petiole.db"), { busyTimeout: 0 });
  try {
    return db.prepare("PRAGMA integrity_check").all();
  } finally {
    db.close();
  }
}

describe("openStore() after SIGKILL", () => {
  test(`has every durable message and count, and counts on upwards, ${ROUNDS} times`, async ({ expect }) => {
    await using folder = await createStoreFolder();
    let highest = 0;
    let counted = 0n;
    for (let round = 0; round < ROUNDS; round += 1) {
      const tag = `round${round}`;
      let lines: readonly string[];
      {
        await using writer = spawnWriter(folder.dir, tag);
        // From before the store is open to well into the load, at another point of it in each round.
        await writer.lines(1 + ((round * 17) % 83));
        lines = await writer.kill();
      }
      const durable = lines.flatMap((line) => (line.startsWith("critical ") ? [line.slice("critical ".length)] : []));
      const counts = lines.flatMap((line) => (line.startsWith("count ") ? [BigInt(line.slice("count ".length))] : []));
      {
        await using store = await folder.open({ maxBytes: mebibytes(1) });
        const critical = await readAll(store.outbox, "critical");
        const texts = critical.map(textOf);
        expect(texts.slice(0, durable.length)).toEqual(durable);
        // At most what was under way when the process died.
        expect(texts.length - durable.length).toBeLessThanOrEqual(1);
        const standard = await readAll(store.outbox, "standard");
        const fresh = [...critical, ...standard].map((row) => row.seq).filter((seq) => seq > highest);
        expect(new Set(fresh).size).toBe(fresh.length);
        if (critical[0] !== undefined) expect(critical[0].seq).toBeGreaterThan(highest);
        for (const rows of [critical, standard]) {
          for (const [index, row] of rows.entries()) expect(row.seq).toBeGreaterThan(rows[index - 1]?.seq ?? 0);
        }
        const stats = await store.outbox.stats();
        expect(laneOf(stats, "critical").rows).toBe(critical.length);
        expect(laneOf(stats, "standard").rows).toBe(standard.length);
        expect(stats.lastSeq).toBeGreaterThanOrEqual(Math.max(highest, ...fresh));
        highest = stats.lastSeq;
        const promised = counts.at(-1) ?? counted;
        counted = await store.keyValue.increment("bucket", "count", 0n);
        expect(counted).toBeGreaterThanOrEqual(promised);
        expect(counted - promised).toBeLessThanOrEqual(1n);
        const last = critical.at(-1);
        if (last !== undefined) await store.outbox.acknowledge("critical", last.seq);
      }
      expect(integrity(folder.dir)).toEqual([{ integrity_check: "ok" }]);
    }
  });
});
