// The place of one worker: makes it when it is needed, replaces it when guest code has taken it over or it broke.

import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import type { Worker } from "node:worker_threads";
import { millis, type Bytes, type Millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { isExecutable, startThread } from "../lib/parts.ts";
import { createCurrent } from "./worker/cells.ts";
import type { FromWorker, StackBounds, ToWorker, WorkerSetup } from "./worker/protocol.ts";

/** Why the instances of a worker are gone. */
export interface WorkerLoss {
  readonly cause: "replaced" | "out-of-memory" | "crashed";
  /** The instance whose code was executing, 0 for none. */
  readonly current: number;
}

export type SlotVerdict =
  /** Look again after that time; undefined when there is nothing to look at. */
  | { readonly kind: "wait"; readonly duration: Millis | undefined }
  /** Its code has taken the worker over. */
  | { readonly kind: "stop-worker" };

/** A group of instances that lives in the worker. */
export interface Tenant {
  /** Judges what its instances do. `now` is milliseconds of the monotonic clock, `current` the instance that executes. */
  judge(now: number, current: number): SlotVerdict;
  onMessage(message: FromWorker): void;
  onLost(loss: WorkerLoss): void;
}

export interface WorkerSlotDeps {
  readonly name: string;
  readonly entry: URL;
  readonly log: Logger;
  readonly clock: Clock;
  /** Bound of the worker's JavaScript heap. */
  readonly heap: Bytes;
  readonly stacks: StackBounds;
  /** Address space for the worker, given back when the slot is disposed and no worker of it is left. */
  readonly reserved?: Disposable | undefined;
}

const YOUNG_GENERATION_MB = 4;
const STACK_MB = 4;
// How long a worker may take to end before the next one is made beside it. Only native code that hangs takes that long.
const ENDING_PATIENCE = millis(10_000);
// What a timer takes; a later deadline is looked at again then.
const LONGEST_TIMER = 2 ** 31 - 1;

interface Occupant {
  readonly worker: Worker;
  readonly current: Int32Array;
}

export class WorkerSlot implements AsyncDisposable {
  readonly #deps: WorkerSlotDeps;
  readonly #tenants = new Map<number, Tenant>();
  readonly #ending = new Set<Promise<unknown>>();
  #occupant: Occupant | undefined;
  #batch: ToWorker[] = [];
  #scheduled = false;
  #disposed = false;
  #watchAt = Infinity;
  #watch = new AbortController();

  constructor(deps: WorkerSlotDeps) {
    this.#deps = deps;
  }

  /** Groups that live here. */
  get tenants(): number {
    return this.#tenants.size;
  }

  moveIn(group: number, tenant: Tenant): void {
    this.#tenants.set(group, tenant);
  }

  moveOut(group: number): void {
    this.#tenants.delete(group);
  }

  /** Makes the worker now, as it is going to be needed: it starts while this thread does something else. */
  warmUp(): void {
    if (this.#disposed || this.#occupant !== undefined || this.#ending.size > 0) return;
    try {
      this.#occupant = this.#spawn();
    } catch {
      // Tried again, and said, when there is something to do for it.
    }
  }

  /** The worker gives back memory that it does not need, if there is one. */
  releaseMemory(): void {
    if (this.#occupant !== undefined) this.post(["release-memory"]);
  }

  /** Sends the message with all others of this tick. */
  post(message: ToWorker): void {
    if (this.#disposed) return;
    this.#batch.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      if (this.#occupant === undefined && this.#ending.size > 0) void this.#flushAfter([...this.#ending]);
      else this.#flush();
    });
  }

  /** Makes sure that tenants are judged no later than after `duration`. */
  watch(duration: Millis): void {
    const at = this.#deps.clock.monotonic() + duration;
    if (at >= this.#watchAt || this.#disposed) return;
    this.#watchAt = at;
    this.#watch.abort();
    this.#watch = new AbortController();
    this.#deps.clock.sleep(millis(Math.min(duration, LONGEST_TIMER)), this.#watch.signal).then(
      () => {
        this.#watchAt = Infinity;
        this.#judge();
      },
      () => {}, // An earlier one takes its place.
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#watch.abort();
    if (this.#occupant !== undefined) this.#vacate(this.#occupant, "replaced");
    await Promise.all(this.#ending);
    this.#deps.reserved?.[Symbol.dispose]();
  }

  /** There is address space for one worker, so the one before has to be gone. */
  async #flushAfter(ending: readonly Promise<unknown>[]): Promise<void> {
    const waited = new AbortController();
    const patience = this.#deps.clock.sleep(ENDING_PATIENCE, waited.signal).catch(() => {});
    await Promise.race([Promise.allSettled(ending), patience]);
    waited.abort();
    this.#flush();
    // Deadlines may have come to be judged while there was no worker.
    this.#judge();
  }

  #flush(): void {
    this.#scheduled = false;
    const batch = this.#batch;
    this.#batch = [];
    if (this.#disposed || batch.length === 0) return;
    try {
      this.#occupant ??= this.#spawn();
    } catch (error) {
      this.#deps.log.error("Component worker cannot be made", { err: error });
      this.#lose({ cause: "crashed", current: 0 });
      return;
    }
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a browser's window
    this.#occupant.worker.postMessage(batch);
  }

  #spawn(): Occupant {
    const { entry, heap, name, stacks } = this.#deps;
    const current = createCurrent();
    const worker = startThread(entry, {
      name,
      workerData: { current, stacks } satisfies WorkerSetup,
      env: compileCacheEnv(),
      execArgv: ["--no-warnings", ...(isExecutable() ? ["--experimental-vfs"] : [])],
      resourceLimits: {
        maxOldGenerationSizeMb: Math.max(8, Math.floor(heap / 1024 ** 2)),
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
        stackSizeMb: STACK_MB,
      },
    });
    const occupant: Occupant = { worker, current: new Int32Array(current) };
    worker.on("message", (batch: readonly FromWorker[]) => {
      for (const message of batch) {
        if (occupant !== this.#occupant) return;
        this.#tenants.get(message[1])?.onMessage(message);
      }
    });
    worker.on("error", (error) => this.#onError(occupant, error));
    worker.on("exit", () => this.#vacate(occupant, "crashed"));
    return occupant;
  }

  #onError(occupant: Occupant, error: unknown): void {
    if (occupant !== this.#occupant) return;
    const full = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    this.#deps.log.error("Component worker failed and is replaced", { err: error });
    this.#vacate(occupant, full ? "out-of-memory" : "crashed");
  }

  #vacate(occupant: Occupant, cause: WorkerLoss["cause"]): void {
    if (occupant !== this.#occupant) return;
    const loss: WorkerLoss = { cause, current: Atomics.load(occupant.current, 0) };
    this.#occupant = undefined;
    this.#batch = [];
    const ended = occupant.worker.terminate().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    this.#lose(loss);
  }

  #lose(loss: WorkerLoss): void {
    const tenants = [...this.#tenants.values()];
    this.#tenants.clear();
    for (const tenant of tenants) tenant.onLost(loss);
  }

  #judge(): void {
    const occupant = this.#occupant;
    if (occupant === undefined) return;
    const now = Number(this.#deps.clock.nanoseconds() / 1000n) / 1000;
    let next = Infinity;
    for (const tenant of this.#tenants.values()) {
      const verdict = tenant.judge(now, Atomics.load(occupant.current, 0));
      if (verdict.kind === "stop-worker") {
        this.#vacate(occupant, "replaced");
        return;
      }
      next = Math.min(next, verdict.duration ?? Infinity);
    }
    if (next !== Infinity) this.watch(millis(next));
  }
}

/** A worker keeps the code of its modules where this thread does, if it does: it has no other environment. */
function compileCacheEnv(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}
