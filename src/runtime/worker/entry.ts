// Entry of a component worker: guest code runs here and nowhere else.

import { parentPort, workerData } from "node:worker_threads";
import { Guest } from "./guest.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./protocol.ts";
import { TurnMarker } from "./turns.ts";

const port = parentPort;
if (port === null) throw new Error("entry.ts is the entry of a worker");
const { current } = workerData as WorkerSetup; // Only src/runtime/worker-slot.ts makes this worker.
const turns = new TurnMarker(current);
const guests = new Map<number, Guest>();
const post = (message: FromWorker): void => port.postMessage(message);

// The glue leaves promises behind when a guest traps. The turn itself fails, or ends at its deadline; nobody else in
// this worker is concerned.
process.on("unhandledRejection", () => {});

port.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "start": {
      const { setup, turn } = message;
      const guest = new Guest({ setup, turns, post });
      guests.set(setup.instance, guest);
      void guest.start(turn);
      break;
    }
    case "call": {
      const { instance, turn, interfaceName, functionName, args } = message;
      void guests.get(instance)?.call(turn, interfaceName, functionName, args);
      break;
    }
    case "reply":
      guests.get(message.instance)?.reply(message.request, message.outcome);
      break;
    case "drop":
      guests.get(message.instance)?.drop();
      guests.delete(message.instance);
      break;
    case "ping":
      post({ type: "pong", ping: message.ping });
      break;
  }
});
