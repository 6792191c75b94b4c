import { startThread as startWorker, threadProgram, type Logger } from "#provider";
import { SqlFault, failure } from "../sql-fault.ts";
import {
  FATE,
  type SqliteMessage,
  type SqliteReplies,
  type SqliteRequest,
  type SqliteWorkerOptions,
} from "./protocol.ts";

/** A thread with the database open. */
export interface SqliteThread {
  /** One request at a time. @throws SqlFault */
  ask<K extends SqliteRequest["kind"]>(
    request: Extract<SqliteRequest, { readonly kind: K }>,
    fate: Int32Array<SharedArrayBuffer>,
  ): Promise<SqliteReplies[K]>;
  readonly exited: Promise<void>;
  hasExited(): boolean;
  /** Ends it when the statement that it runs has ended: SQLite's code is not interrupted. */
  end(): void;
}

/** What the values of a result may take in it. */
const MAX_HEAP_MB = 64;

/** Starts the thread. Rejects with what kept the database from being opened. */
export async function startThread(options: SqliteWorkerOptions, log: Logger): Promise<SqliteThread> {
  const worker = startWorker(threadProgram("sql-worker"), {
    workerData: options,
    name: "petiole-sql",
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
  });
  let pending: PromiseWithResolvers<SqliteReplies[keyof SqliteReplies]> | undefined;
  let gone = false;
  const opening = Promise.withResolvers<void>();
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      gone = true;
      opening.reject(new Error("the thread ended"));
      pending?.reject(failure("failed", "the database's thread ended"));
      resolve();
    });
  });
  worker.on("error", (err) => log.error("The thread of a database failed", { err }));
  worker.on("message", (message: SqliteMessage) => {
    if (message.kind === "opened") return opening.resolve();
    if (message.kind === "refused") return opening.reject(new Error(message.message));
    const asked = pending;
    pending = undefined;
    if (message.kind === "done") asked?.resolve(message.value);
    else asked?.reject(new SqlFault(message.fault.kind, message.fault.message));
  });
  try {
    await opening.promise;
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    ask: async <K extends SqliteRequest["kind"]>(
      request: Extract<SqliteRequest, { readonly kind: K }>,
      fate: Int32Array<SharedArrayBuffer>,
    ) => {
      if (gone) throw failure("failed", "the database's thread ended");
      pending = Promise.withResolvers();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
      worker.postMessage({ request, fate: fate.buffer });
      // A request of a kind is answered with a reply of the kind.
      return (await pending.promise) as SqliteReplies[K];
    },
    exited,
    hasExited: () => gone,
    end: () => void worker.terminate(),
  };
}

/** Undecided. */
export const newFate = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(4));
/** True when it was not too late. */
export const giveUp = (fate: Int32Array<SharedArrayBuffer>): boolean =>
  Atomics.compareExchange(fate, 0, FATE.open, FATE.givenUp) === FATE.open;
