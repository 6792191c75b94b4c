// Opens a store, publishes and sends 20,000 messages from it (or from what waits in it), and prints what that took.

import { argv, memoryUsage } from "node:process";
import { bytes } from "../../src/domain/units.ts";
import type { BacklogSample } from "./backlog.ts";
import { openAt, publishInTurn, WINDOW } from "./load.ts";

const MESSAGES = 20_000;
const [, , dir = "", cap = ""] = argv;

const start = performance.now();
await using store = await openAt(dir, { maxBytes: bytes(Number(cap)) });
const lane = (await store.outbox.stats()).lanes.find((one) => one.lane === "standard");
const startMs = performance.now() - start;
const rows = lane?.rows ?? 0;
let { seq: after } = await store.outbox.acknowledged("standard");
for (let sent = 0; sent < MESSAGES;) {
  // With a backlog this sends what has waited longest; without, what comes.
  await publishInTurn(store, WINDOW.rows, "standard", { size: 1000 });
  await store.flush();
  const window = await store.outbox.read("standard", after, WINDOW);
  sent += window.length;
  after = window.at(-1)?.seq ?? after;
  await store.outbox.acknowledge("standard", after);
}
globalThis.gc?.();
const sample: BacklogSample = { startMs, rss: memoryUsage.rss(), rows };
process.stdout.write(JSON.stringify(sample));
