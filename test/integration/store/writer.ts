// A process that writes load into a store until it is killed. Each line of output is a promise that was kept:
// `critical <n>` after publish resolved, `count <n>` after an increment resolved.

import { writeSync } from "node:fs";
import { argv } from "node:process";
import { openStore } from "../../../src/adapters/store/index.ts";
import { mebibytes, millis } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const [, , dir = "", tag = ""] = argv;
const say = (line: string): void => void writeSync(1, `${line}\n`);

say("opening");
const store = await openStore({
  dir,
  log: silentLogger,
  clock: systemClock,
  outbox: { maxBytes: mebibytes(1), lanes: { standard: { commitInterval: millis(20) } } },
});

async function publishCritical(): Promise<never> {
  for (let n = 1; ; n += 1) {
    const text = `${tag}:${n}`;
    const { outcome } = await store.outbox.publish({
      lane: "critical",
      subject: "alarms",
      body: new TextEncoder().encode(text),
      headers: {},
    });
    if (outcome === "durable") say(`critical ${text}`);
  }
}

/** Fills the cap, so that rows are dropped, and acknowledges, so that rows are deleted. */
async function publishStandard(): Promise<never> {
  for (;;) {
    for (let n = 0; n < 50; n += 1) {
      await store.outbox.publish({ lane: "standard", subject: "readings", body: new Uint8Array(2000), headers: {} });
    }
    const { seq } = await store.outbox.acknowledged("standard");
    const rows = await store.outbox.read("standard", seq, { rows: 20, bytes: mebibytes(1) });
    await store.outbox.acknowledge("standard", rows.at(-1)?.seq ?? 0);
  }
}

async function count(): Promise<never> {
  for (;;) say(`count ${await store.keyValue.increment("bucket", "count", 1n)}`);
}

await Promise.all([publishCritical(), publishStandard(), count()]);
