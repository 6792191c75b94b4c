// Entry of the store's worker thread: requests in, replies out, one after another.

import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import { Engine } from "./engine.ts";
import type { Envelope, WireError, WorkerMessage, WorkerOptions } from "./protocol.ts";
import { isErrno } from "../../lib/files.ts";
import { isSqliteFailure } from "./sqlite.ts";
import { reasonOf } from "../../lib/reason.ts";

function main(): void {
  const port = parentPort;
  if (port === null) throw new PetioleError("ERR_INVARIANT", "Cannot run the store's worker: not in a worker thread");
  // Both sides are of one version: the main thread starts this file with these options, or tells them later.
  if (workerData !== null) return serve(port, workerData as WorkerOptions);
  port.once("message", (options: WorkerOptions) => serve(port, options));
}

function serve(port: MessagePort, options: WorkerOptions): void {
  const post = (messages: readonly WorkerMessage[], moved: ArrayBuffer[] = []): void =>
    port.postMessage(messages, moved);
  let engine: Engine;
  try {
    engine = new Engine({ options, notify: (notice) => post([{ kind: "notice", notice }]) });
  } catch (error) {
    const refusal = describe(error, "ERR_STORE_OPEN", `Cannot open the store in "${options.dir}"`);
    post([{ kind: "refused", error: { ...refusal, unwritable: isUnwritable(error) } }]);
    return;
  }
  post([{ kind: "opened", opened: engine.opened }]);
  const answer = ({ id, request }: Envelope): WorkerMessage => {
    try {
      return { kind: "reply", id, ok: true, value: engine.handle(request) };
    } catch (error) {
      const attempted = `Cannot carry out "${request.kind}" in the store "${options.dir}"`;
      return { kind: "reply", id, ok: false, error: describe(error, "ERR_STORE_FAILED", attempted) };
    }
  };
  port.on("message", (envelopes: readonly Envelope[]) => {
    const replies = envelopes.map(answer);
    post(replies, replies.flatMap(movedBy));
    if (!envelopes.some(({ request }) => request.kind === "close")) return;
    engine[Symbol.dispose]();
    port.close();
  });
}

/** What a reply gives away instead of copying it. */
function movedBy(message: WorkerMessage): ArrayBuffer[] {
  if (message.kind !== "reply" || !message.ok) return [];
  const { value } = message;
  return typeof value === "object" && "rows" in value && "bodies" in value.rows ? [value.rows.bodies.buffer] : [];
}

/** The medium is read-only, or gives I/O errors: nothing that another program or a person holds against us. */
function isUnwritable(error: unknown): boolean {
  return isSqliteFailure(error, "io", "full") || ["EROFS", "EIO", "ENOSPC"].some((code) => isErrno(error, code));
}

function describe(error: unknown, code: "ERR_STORE_OPEN" | "ERR_STORE_FAILED", attempted: string): WireError {
  if (isPetioleError(error)) return { code: error.code, message: error.message };
  const full = isSqliteFailure(error, "full") ? "the disk is full: " : "";
  return { code, message: `${attempted}: ${full}${reasonOf(error)}` };
}

main();
