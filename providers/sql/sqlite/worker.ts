// The thread in which components' statements run: a slow one keeps nothing else waiting.

import { parentPort, workerData } from "node:worker_threads";
import { SqlFault } from "../sql-fault.ts";
import { openSqliteDatabase, type Course } from "./database.ts";
import { FATE, type SqliteCall, type SqliteMessage, type SqliteWorkerOptions } from "./protocol.ts";

const port = parentPort;
if (port === null) throw new Error("This module is a thread's");

function send(message: SqliteMessage): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
  port?.postMessage(message);
}

function courseOf(fate: SharedArrayBuffer): Course {
  const cell = new Int32Array(fate);
  return {
    isGivenUp: () => Atomics.load(cell, 0) === FATE.givenUp,
    mayKeep: () => Atomics.compareExchange(cell, 0, FATE.open, FATE.kept) === FATE.open,
  };
}

try {
  // What the provider gave it.
  const database = openSqliteDatabase(workerData as SqliteWorkerOptions);
  port.on("message", ({ request, fate }: SqliteCall) => {
    try {
      send({ kind: "done", value: database.carryOut(request, courseOf(fate)) });
    } catch (error) {
      if (!(error instanceof SqlFault)) throw error;
      send({ kind: "fault", fault: { kind: error.kind, message: error.message } });
    }
    if (request.kind === "close") port.close();
  });
  send({ kind: "opened" });
} catch (error) {
  send({ kind: "refused", message: error instanceof Error ? error.message : String(error) });
}
