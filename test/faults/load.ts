// A process that uses a store in every way, and marks what was promised. Runs under the recorder of shim.c.
//
//   node load.ts DIR RUN SEED close|kill
//
// One run of several on one folder: it ends by closing the store, or by killing itself in the middle of everything.

import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { openStore } from "../../src/adapters/store/index.ts";
import { kibibytes, mebibytes, millis } from "../../src/domain/units.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { openFaultControl } from "../support/fault-shim.ts";
import { bodyOf, formatMark, type LoadLane, type Mark, type Tally } from "./marks.ts";
import { createRandom } from "./random.ts";

const CRITICAL_MESSAGES = 60;
const WINDOW = { rows: 40, bytes: kibibytes(256) };

const [, , dir = "", runText = "1", seed = "1", end = "close"] = process.argv;
const run = Number(runText);
const random = createRandom(Number(seed) * 1000 + run);
const marks = openSync(process.env["PETIOLE_FAULTS_MARKS"] ?? "", "a");
// One call, so one record.
const mark = (entry: Mark): void => void writeSync(marks, formatMark(entry));

/** What the store puts off for seconds happens within the run. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (duration, signal) => systemClock.sleep(duration >= 1000 ? millis(duration / 50) : duration, signal),
};

const store = await openStore({
  dir,
  log: silentLogger,
  clock: hastyClock,
  outbox: { maxBytes: mebibytes(3), commitInterval: millis(20) },
});
mark({ kind: "opened" });
const { outbox, keyValue, state } = store;
let isDone = false;
let flushes = 0;

async function publish(lane: LoadLane, n: number): Promise<number> {
  const label = `${run}-${lane}-${n}`;
  const { outcome, seq } = await outbox.publish({ lane, subject: `load.${lane}`, body: bodyOf(label), headers: {} });
  mark({ kind: outcome === "durable" ? "durable" : "accepted", lane, seq, label });
  return seq;
}

async function around(work: () => Promise<void>): Promise<void> {
  flushes += 1;
  const id = `${run}-${flushes}`;
  mark({ kind: "flushing", id });
  await work();
  mark({ kind: "flushed", id });
}

/** As the forwarder does: reads the oldest rows and has the hub's word for some of them. */
async function acknowledge(lane: LoadLane): Promise<boolean> {
  const rows = await outbox.read(lane, 0, WINDOW);
  const last = rows.at(-1);
  if (last === undefined) return false;
  mark({ kind: "offered", lane, seq: last.seq });
  const { seq } = rows[random.below(rows.length)] ?? last;
  mark({ kind: "acknowledging", lane, seq });
  await outbox.acknowledge(lane, seq);
  return true;
}

async function publishCritical(): Promise<void> {
  for (let n = 1; n <= CRITICAL_MESSAGES; n += 1) {
    await publish("critical", n);
    if (random.chance(0.1)) await acknowledge("critical");
  }
  isDone = true;
}

async function publishStandard(): Promise<void> {
  for (let n = 1; !isDone;) {
    for (let left = random.below(80); left > 0; left -= 1, n += 1) await publish("standard", n);
    if (random.chance(0.4)) await around(() => store.flush());
    if (random.chance(0.3)) await acknowledge("standard");
  }
}

async function tally(name: Tally, start: number, raise: (value: number) => Promise<number>): Promise<void> {
  for (let value = start + 1; !isDone; value += 1) {
    mark({ kind: "raising", tally: name, value });
    const reached = await raise(value);
    mark({ kind: "raised", tally: name, value: reached });
    value = reached;
  }
}

async function readNumber(load: () => Promise<Uint8Array | string | undefined>): Promise<number> {
  const found = await load();
  return Number(typeof found === "string" ? found : new TextDecoder().decode(found ?? new TextEncoder().encode("0")));
}

/** Takes everything off the lane, so that most of the files is empty and the store gives space back. */
async function drain(): Promise<void> {
  while (await acknowledge("standard")) await around(() => store.flush());
}

/** A disk that cannot flush for a while. What is refused then was not promised; the store goes on afterwards. */
async function failFlushes(): Promise<void> {
  const control = openFaultControl(process.env["PETIOLE_FAULTS_CONTROL"] ?? "");
  await control.failSyncs("EIO");
  let refused = 0;
  try {
    for (let n = 1; n <= 3; n += 1) await publish("critical", 1000 + n).catch(() => (refused += 1));
  } finally {
    await control.failSyncs(undefined);
  }
  if (refused !== 3) throw new Error(`${refused} of 3 messages were refused while flushes failed`);
  while ((await publish("critical", 2000).catch(() => 0)) === 0) refused += 1;
}

if (run % 4 === 3) await failFlushes();
if (end === "kill") setTimeout(() => process.kill(process.pid, "SIGKILL"), 100 + random.below(400));
await Promise.all([
  publishCritical(),
  publishStandard(),
  tally("key", await readNumber(() => keyValue.get("load", "key")), async (value) => {
    await keyValue.set("load", "key", new TextEncoder().encode(`${value}`));
    return value;
  }),
  tally("counter", await readNumber(() => keyValue.get("load", "counter")), async () =>
    Number(await keyValue.increment("load", "counter", 1n)),
  ),
  tally("state", await readNumber(() => state.load("load")), async (value) => {
    await state.save("load", `${value}`);
    return value;
  }),
]);
if (run % 2 === 0) await drain();
await around(async () => await store[Symbol.asyncDispose]());
