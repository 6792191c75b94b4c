// A process that uses a store in every way, and marks what was promised. Runs under the recorder of shim.c.
//
//   node load.ts DIR RUN SEED
//
// One run of several on one folder: it ends by closing the store, unless it is killed in the middle of everything.

import { openSync, writeSync } from "node:fs";
import process from "node:process";
import { openStore } from "../../src/adapters/store/index.ts";
import { PetioleError } from "../../src/domain/errors.ts";
import { kibibytes, mebibytes, millis } from "../../src/domain/units.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { openFaultControl } from "../support/fault-shim.ts";
import { bodyOf, formatMark, type LoadLane, type Mark, type Tally } from "./marks.ts";
import { createRandom } from "./random.ts";

const CRITICAL_MESSAGES = 60;
/** Some times what a run has: on a disk that is slow just then, the record of it would fill the memory. */
const MOST_STANDARD_MESSAGES = 10_000;
const WINDOW = { rows: 40, bytes: kibibytes(256) };

const [, , dir = "", runText = "1", seed = "1"] = process.argv;
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
  outbox: { maxBytes: mebibytes(3), hubHold: millis(200), lanes: { standard: { commitInterval: millis(20) } } },
});
mark({ kind: "opened" });
const { outbox, keyValue, state } = store;
const progress = { isDone: false };
let flushes = 0;
let isFailing = false;
let refusals = 0;

async function publish(lane: LoadLane, n: number): Promise<number> {
  const label = `${run}-${lane}-${n}`;
  const { outcome, seq } = await outbox.publish({ lane, subject: `load.${lane}`, body: bodyOf(label), headers: {} });
  mark({ kind: outcome === "durable" ? "durable" : "accepted", lane, seq, label });
  return seq;
}

/** While flushes fail, what is refused was not promised; anything else that fails is a fault of the store. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isFailing || !(error instanceof PetioleError) || error.code !== "ERR_STORE_FAILED") throw error;
    refusals += 1;
    return undefined;
  }
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
  const rows = await outbox.read(lane, (await outbox.acknowledged(lane)).seq, WINDOW);
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
    await unlessRefused(() => publish("critical", n));
    if (run % 4 === 3 && n === CRITICAL_MESSAGES / 2) await failFlushes();
    if (random.chance(0.1)) await acknowledge("critical");
  }
  progress.isDone = true;
}

async function publishStandard(): Promise<void> {
  for (let n = 1; !progress.isDone;) {
    const isEnough = n > MOST_STANDARD_MESSAGES;
    if (isEnough) await systemClock.sleep(millis(20));
    for (let left = isEnough ? 0 : random.below(40); left > 0; left -= 1, n += 1) await publish("standard", n);
    if (random.chance(0.4)) await unlessRefused(() => around(() => store.flush()));
    if (random.chance(0.3)) await acknowledge("standard");
  }
}

async function tally(name: Tally, start: number, raise: (value: number) => Promise<number>): Promise<void> {
  for (let value = start + 1; !progress.isDone; value += 1) {
    mark({ kind: "raising", tally: name, value });
    const reached = await unlessRefused(() => raise(value));
    if (reached !== undefined) mark({ kind: "raised", tally: name, value: reached });
    value = reached ?? value - 1;
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

/** A disk that cannot flush for a while, as after the kernel has dropped pages that it could not write. */
async function failFlushes(): Promise<void> {
  const control = openFaultControl(process.env["PETIOLE_FAULTS_CONTROL"] ?? "");
  const before = refusals;
  isFailing = true;
  await control.failSyncs("EIO");
  for (let n = 1; refusals < before + 5; n += 1) await unlessRefused(() => publish("critical", 1000 + n));
  await control.failSyncs(undefined);
  // The first that is taken again: what was refused before has been told by then.
  for (let n = 1; (await unlessRefused(() => publish("critical", 2000 + n))) === undefined;) n += 1;
  isFailing = false;
}

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
