// Entry of a component worker: guest code runs here and nowhere else.

import { parentPort, workerData } from "node:worker_threads";
import { releaseMemory } from "../../lib/release-memory.ts";
import { Group } from "./group.ts";
import { Outbox } from "./outbox.ts";
import type { FromWorker, ImportOutcome, ReplyMessage, ToWorker, WorkerSetup } from "./protocol.ts";
import { Scheduler } from "./scheduler.ts";
import { StackPool } from "./stack-pool.ts";

const port = parentPort;
if (port === null) throw new Error("entry.ts is the entry of a worker");
const setup = workerData as WorkerSetup; // Only src/runtime/worker-slot.ts makes this worker.
const current = new Int32Array(setup.current);
const groups = new Map<number, Group>();
const outbox = new Outbox({
  send: (batch) => port.postMessage(batch),
  refuseImport: (group, instance, request) => groups.get(group)?.guest(instance)?.reply(request, { kind: "failed" }),
});
const post = (message: FromWorker): void => outbox.post(message);
// process.hrtime() has the origin that the main thread's clock has, performance.now() has a thread's own and is faster.
const origin = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();
const clock = (): number => performance.now() + origin;
const scheduler = new Scheduler(new StackPool(setup.stacks), clock, () => outbox.flush());

// The glue leaves promises behind when a guest traps. The turn itself fails, or ends at its deadline; nobody else in
// this worker is concerned.
process.on("unhandledRejection", () => {});

port.on("message", (batch: readonly ToWorker[]) => {
  scheduler.enterLoop();
  for (const message of batch) receive(message);
  scheduler.run();
});

function receive(message: ToWorker): void {
  switch (message[0]) {
    case "open": {
      const [, groupSetup] = message;
      const onClosed = (): void => void groups.delete(groupSetup.group);
      groups.set(groupSetup.group, new Group({ setup: groupSetup, scheduler, post, clock, current, onClosed }));
      break;
    }
    case "close":
      groups.get(message[1])?.close();
      break;
    case "start":
      groups.get(message[1])?.start(message[2], message[3]);
      break;
    case "turn":
      groups.get(message[1])?.enqueue(message[2], message[3]);
      break;
    case "expire":
      groups.get(message[1])?.expire(message[2], message[3]);
      break;
    case "reply":
      groups.get(message[1])?.guest(message[2])?.reply(message[3], outcomeOf(message));
      break;
    case "stream":
      groups.get(message[1])?.guest(message[2])?.onStream(message[3], message[4]);
      break;
    case "egress":
      groups.get(message[1])?.guest(message[2])?.onEgress(message[3], message[4]);
      break;
    case "http":
      groups.get(message[1])?.input(message[2], message[3]);
      break;
    case "configure":
      groups.get(message[1])?.configure(message[2]);
      break;
    case "release-memory":
      releaseMemory();
      break;
    case "code-cache":
      post(["code-cache", message[1], message[2], groups.get(message[1])?.codeCache()]);
      break;
  }
}

function outcomeOf([, , , , kind, payload]: ReplyMessage): ImportOutcome {
  if (kind === "value") return { kind, value: payload };
  return kind === "err" ? { kind, payload } : { kind };
}
