// Calls a second through the worker, with 0, 1 and 3 questions to the host in each, against the same messages between
// the same threads with plain JavaScript in the worker.

import { Worker } from "node:worker_threads";
import { median, type Report } from "../frame.ts";
import type { FromPlain, ToPlain } from "./plain-worker.ts";
import { openRuntime, run, startSubject, subjectFile, temporaryFolder, throughput } from "./subject.ts";

const PAYLOAD = new Uint8Array(200).fill(120);
const ROUNDS = 7;
const CALLS = 4000;

interface Contestant {
  readonly name: string;
  call(asks: number): Promise<unknown>;
}

export async function reportCalls(report: Report): Promise<void> {
  await using cache = await temporaryFolder();
  await using runtime = openRuntime(cache.path);
  await using single = await startSubject(runtime, subjectFile("core"));
  await using pooled = await startSubject(runtime, subjectFile("core"), { instances: 16 });
  await using script = await startSubject(runtime, subjectFile("quickjs"), { instances: 16 });
  await using plain = openPlainWorker();
  const asked = (name: string, component: typeof single): Contestant => ({
    name,
    call: (asks) => run(component, asks, PAYLOAD),
  });

  for (const { what, inFlight, contestants } of [
    { what: "one call at a time", inFlight: 1, contestants: [asked("component", single)] },
    {
      what: "64 calls in flight",
      inFlight: 64,
      contestants: [
        asked("component, one instance", single),
        asked("component, 16 instances", pooled),
        asked("QuickJS component, 16 instances", script),
      ],
    },
  ]) {
    for (const asks of [0, 1, 3]) {
      const rates = await race([plain, ...contestants], asks, inFlight);
      const baseline = rates[0] ?? Number.NaN;
      const label = `${what}, ${asks} ${asks === 1 ? "import" : "imports"}`;
      report({ name: `${label}: plain JavaScript`, value: baseline, unit: "calls/s" });
      for (const [index, { name }] of contestants.entries()) {
        const value = rates[index + 1] ?? Number.NaN;
        const goal = asks === 1 && (inFlight === 1 || name === "component, 16 instances");
        report({
          name: `${label}: ${name}`,
          value,
          unit: "calls/s",
          ratio: value / baseline,
          ...(goal && { goal: { of: "ratio", atLeast: 0.5 } }),
        });
      }
    }
  }
}

/** Medians, in the order given. The contestants take turns, so that what else the machine does hits all of them. */
async function race(contestants: readonly Contestant[], asks: number, inFlight: number): Promise<readonly number[]> {
  const total = inFlight === 1 ? CALLS / 4 : CALLS;
  const rates = contestants.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const rate = await throughput(() => contestant.call(asks), { total, inFlight });
      if (round > 0) rates[index]?.push(rate); // The first round warms up.
    }
  }
  return rates.map(median);
}

function openPlainWorker(): Contestant & AsyncDisposable {
  const worker = new Worker(new URL("./plain-worker.ts", import.meta.url), { execArgv: ["--no-warnings"] });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a browser's window
  const post = (message: ToPlain): void => worker.postMessage(message);
  const running = new Map<number, (payload: Uint8Array) => void>();
  let lastId = 0;
  worker.on("message", ({ type, id, payload }: FromPlain) => {
    if (type === "ask") {
      post({ type: "answer", id, payload });
      return;
    }
    running.get(id)?.(payload);
    running.delete(id);
  });
  return {
    name: "plain JavaScript",
    call: (asks) =>
      new Promise((resolve) => {
        const id = ++lastId;
        running.set(id, resolve);
        post({ type: "run", id, asks, payload: PAYLOAD });
      }),
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}
