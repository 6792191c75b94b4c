import type { Worker } from "node:worker_threads";
import { PetioleError } from "../../domain/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { startThread, threadProgram } from "../../lib/parts.ts";
import type {
  Envelope,
  Opened,
  Replies,
  RequestKind,
  RequestOf,
  WireError,
  WorkerMessage,
  WorkerOptions,
} from "./protocol.ts";

/** The store's worker thread, seen from the main thread. Requests are carried out in the order they were made. */
export interface WorkerClient {
  readonly opened: Opened;
  /** Requests of one tick travel in one message. @throws PetioleError ERR_STORE_FAILED */
  call<K extends RequestKind>(request: RequestOf<K>): Promise<Replies[K]>;
  /** Requests that were carried out or refused so far. */
  answered(): number;
  /** Closes the database after what was asked before, and ends the thread. */
  close(lastSeq: number): Promise<void>;
}

interface Pending {
  readonly resolve: (value: Replies[RequestKind]) => void;
  readonly reject: (error: Error) => void;
}

/** A thread that has begun to load its program before anybody knows which store it is for. */
export interface WarmThread {
  /** Undefined when somebody else has it, or it ended. */
  take(): Worker | undefined;
}

const NAME = "petiole-store";

/** Until somebody takes it, it keeps nobody from ending. */
export function warmStoreThread(): WarmThread {
  let worker: Worker | undefined = startThread(threadProgram("store-worker"), { workerData: null, name: NAME });
  const onEnd = (): void => void (worker = undefined);
  worker.on("error", onEnd).on("exit", onEnd).unref();
  return {
    take() {
      const taken = worker?.off("error", onEnd).off("exit", onEnd);
      taken?.ref();
      worker = undefined;
      return taken;
    },
  };
}

export interface ThreadSource {
  /** Another program for the thread, for tests. */
  readonly entry?: URL;
  readonly warm?: WarmThread | undefined;
}

/** @throws PetioleError ERR_STORE_OPEN, ERR_STORE_LOCKED, ERR_STORE_FAILED */
export async function startWorker(
  options: WorkerOptions,
  log: Logger,
  { entry = threadProgram("store-worker"), warm }: ThreadSource = {},
): Promise<WorkerClient> {
  const loaded = warm?.take();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
  loaded?.postMessage(options);
  const worker = loaded ?? startThread(entry, { workerData: options, name: NAME });
  const exited = new Promise((resolve) => worker.once("exit", resolve));
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let answered = 0;
  let queue: Envelope[] = [];
  /** Set once the thread takes no more requests. */
  let ended: Error | undefined;

  const { promise: opening, resolve: onOpened, reject: onRefused } = Promise.withResolvers<Opened>();
  const receive = (message: WorkerMessage): void => {
    switch (message.kind) {
      case "opened":
        return onOpened(message.opened);
      case "refused":
        return onRefused(revive(message.error));
      case "notice":
        return log[message.notice.level](message.notice.message, message.notice.fields);
      case "reply": {
        answered += 1;
        const waiting = pending.get(message.id);
        pending.delete(message.id);
        if (message.ok) waiting?.resolve(message.value);
        else waiting?.reject(revive(message.error));
      }
    }
  };
  const end = (error: Error): void => {
    ended ??= error;
    onRefused(error);
    for (const waiting of pending.values()) waiting.reject(error);
    pending.clear();
  };
  worker.on("message", (messages: readonly WorkerMessage[]) => messages.forEach(receive));
  worker.on("error", (cause) => {
    log.error("The store's worker failed", { err: cause });
    end(new PetioleError("ERR_STORE_FAILED", "Cannot use the store: its worker failed", { cause }));
  });
  worker.on("exit", () => end(new PetioleError("ERR_STORE_FAILED", "Cannot use the store: it is closed")));

  const call = <K extends RequestKind>(request: RequestOf<K>): Promise<Replies[K]> => {
    if (ended !== undefined) return Promise.reject(ended);
    const id = nextId;
    nextId += 1;
    if (queue.length === 0) {
      queueMicrotask(() => {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a window
        worker.postMessage(queue);
        queue = [];
      });
    }
    queue.push({ id, request });
    return new Promise((resolve, reject) => {
      // The worker answers a request of kind K with a reply of kind K.
      pending.set(id, { resolve: (value) => resolve(value as Replies[K]), reject });
    });
  };

  try {
    const opened = await opening;
    return {
      opened,
      call,
      answered: () => answered,
      close: async (lastSeq) => {
        try {
          await call({ kind: "close", lastSeq });
        } finally {
          await exited;
        }
      },
    };
  } catch (error) {
    await exited;
    throw error;
  }
}

/** Marks the refusal of a medium that cannot be written. */
const UNWRITABLE = Symbol("unwritable");

/** Whether the store was refused because its medium takes no writes. */
export function isUnwritable(error: unknown): boolean {
  return error instanceof PetioleError && error.cause === UNWRITABLE;
}

function revive({ code, message, unwritable }: WireError): PetioleError {
  return new PetioleError(code, message, unwritable === true ? { cause: UNWRITABLE } : {});
}
