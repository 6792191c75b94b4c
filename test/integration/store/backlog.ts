// A process that reads a long backlog in windows, and prints how its memory went. A process of its own, because a test
// runner's memory goes up and down by itself.

import { argv } from "node:process";
import { openStore } from "../../../src/adapters/store/index.ts";
import { kibibytes, mebibytes } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const ROWS = 100_000;
const WINDOW = { rows: 256, bytes: kibibytes(512) };
const [, , dir = ""] = argv;

const options = { dir, log: silentLogger, clock: systemClock, outbox: { maxBytes: mebibytes(64) } };
{
  await using store = await openStore(options);
  for (let n = 0; n < ROWS; n += 1) {
    await store.outbox.publish({ lane: "standard", subject: "readings", body: new Uint8Array(220), headers: {} });
  }
}

await using store = await openStore(options);
let rows = 0;
let before = 0;
let peak = 0;
for (let after = 0; ;) {
  const window = await store.outbox.read("standard", after, WINDOW);
  const last = window.at(-1);
  if (last === undefined) break;
  rows += window.length;
  after = last.seq;
  // The first windows warm both threads up. Memory is compared after a collection: it is what is held that counts.
  if (rows % (WINDOW.rows * 20) === 0) {
    globalThis.gc?.();
    const { rss } = process.memoryUsage();
    if (before === 0) before = rss;
    peak = Math.max(peak, rss);
  }
}
process.stdout.write(`${JSON.stringify({ rows, before, peak })}\n`);
