// What telemetry writes while the hub takes it, and while it does not.

import { setTimeout } from "node:timers/promises";
import { seconds } from "../../src/domain/units.ts";
import type { Report } from "../frame.ts";
import { delivered, startBenchHub } from "./hub.ts";
import { bytesWritten, inFolder, openAt, publishInTurn } from "./load.ts";

const MESSAGES = 5000;
/** Published in steps of 10 ms, 500 a second. */
const STEP = 5;

export async function reportElision(report: Report): Promise<void> {
  const buffered = await inFolder(async (dir) => {
    await using store = await openAt(dir);
    await publishInTurn(store, 1, "standard");
    await store.flush();
    return await written(() => pace(() => publishInTurn(store, STEP, "standard")));
  });
  report({ name: "standard at 500 msg/s, hub away: written", value: buffered / MESSAGES, unit: "B/msg" });
  await using hub = await startBenchHub();
  const { bytes, elided, commits } = await inFolder(async (dir) => {
    await using store = await openAt(dir);
    await using _forwarding = await hub.forward(store);
    // The first message reserves sequences on disk, for 65,536 of them.
    await publishInTurn(store, 1, "standard");
    await delivered(store, 1);
    await setTimeout(seconds(6));
    const before = await store.outbox.stats();
    const bytes = await written(() => pace(() => publishInTurn(store, STEP, "standard")));
    const stats = await store.outbox.stats();
    await delivered(store, stats.lastSeq);
    const lane = stats.lanes.find((one) => one.lane === "standard");
    return { bytes, elided: lane?.elided ?? 0, commits: stats.store.commits - before.store.commits };
  });
  report({
    name: "standard at 500 msg/s, hub there: written",
    value: bytes / MESSAGES,
    unit: "B/msg",
    ratio: buffered === 0 ? 0 : bytes / buffered,
    goal: { of: "value", atMost: 0 },
  });
  report({ name: "standard at 500 msg/s, hub there: never written", value: (elided / MESSAGES) * 100, unit: "%" });
  report({ name: "standard at 500 msg/s, hub there: flushed", value: commits / MESSAGES, unit: "commits/msg" });
}

async function pace(step: () => Promise<void>): Promise<void> {
  const start = performance.now();
  for (let n = 0; n < MESSAGES / STEP; n += 1) {
    await step();
    await setTimeout(Math.max(0, start + (n + 1) * 10 - performance.now()));
  }
}

async function written(work: () => Promise<void>): Promise<number> {
  const before = await bytesWritten();
  await work();
  return (await bytesWritten()) - before;
}
