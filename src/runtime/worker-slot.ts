// The place of one worker: makes it when it is needed, replaces it when guest code has taken it over or it broke.

import { Worker } from "node:worker_threads";
import type { Bytes, Millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./worker/protocol.ts";
import { createCurrent, readCurrent } from "./worker/turns.ts";

/** Why the instances of a worker are gone. */
export interface WorkerLoss {
  readonly cause: "replaced" | "out-of-memory" | "crashed";
  /** The turn that was executing, 0 for none. */
  readonly current: number;
}

/** An instance that lives in the worker. */
export interface Tenant {
  /** The turn it has in the worker, 0 for none. */
  readonly turn: number;
  onMessage(message: FromWorker): void;
  onLost(loss: WorkerLoss): void;
}

export interface WorkerSlotDeps {
  readonly entry: URL;
  readonly log: Logger;
  readonly clock: Clock;
  /** Bound of the worker's JavaScript heap. */
  readonly heap: Bytes;
}

const YOUNG_GENERATION_MB = 4;
const STACK_MB = 4;

interface Occupant {
  readonly worker: Worker;
  readonly current: SharedArrayBuffer;
  readonly pongs: Map<number, () => void>;
}

export class WorkerSlot implements AsyncDisposable {
  readonly #deps: WorkerSlotDeps;
  readonly #tenants = new Map<number, Tenant>();
  readonly #ending = new Set<Promise<unknown>>();
  #occupant: Occupant | undefined;
  #lastPing = 0;
  #disposed = false;

  constructor(deps: WorkerSlotDeps) {
    this.#deps = deps;
  }

  /** The turn whose guest code runs now, 0 for none. */
  get current(): number {
    return this.#occupant === undefined ? 0 : readCurrent(this.#occupant.current);
  }

  move(instance: number, tenant: Tenant): void {
    this.#tenants.set(instance, tenant);
  }

  /** Ends an instance: what it still sends finds nobody. `grace` is how long its code may keep the worker busy yet. */
  evict(instance: number, grace: Millis): void {
    if (!this.#tenants.delete(instance) || this.#occupant === undefined) return;
    this.post({ type: "drop", instance });
    void this.#probe(this.#occupant, grace);
  }

  /** @throws DataCloneError when the message holds what cannot be sent */
  post(message: ToWorker): void {
    if (this.#disposed) return;
    this.#occupant ??= this.#spawn();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread, not a browser's window
    this.#occupant.worker.postMessage(message);
  }

  /** Ends the worker and with it all its instances; the next message makes a new one. */
  replace(): void {
    if (this.#occupant !== undefined) this.#vacate(this.#occupant, "replaced");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.replace();
    await Promise.all(this.#ending);
  }

  #spawn(): Occupant {
    const current = createCurrent();
    const worker = new Worker(this.#deps.entry, {
      name: "petiole-components",
      workerData: { current } satisfies WorkerSetup,
      env: {},
      execArgv: ["--no-warnings"],
      resourceLimits: {
        maxOldGenerationSizeMb: Math.max(8, Math.floor(this.#deps.heap / 1024 ** 2)),
        maxYoungGenerationSizeMb: YOUNG_GENERATION_MB,
        stackSizeMb: STACK_MB,
      },
    });
    const occupant: Occupant = { worker, current, pongs: new Map() };
    worker.on("message", (message: FromWorker) => this.#receive(occupant, message));
    worker.on("error", (error) => this.#onError(occupant, error));
    worker.on("exit", () => this.#vacate(occupant, "crashed"));
    return occupant;
  }

  #receive(occupant: Occupant, message: FromWorker): void {
    if (occupant !== this.#occupant) return;
    if (message.type === "pong") occupant.pongs.get(message.ping)?.();
    else this.#tenants.get(message.instance)?.onMessage(message);
  }

  #onError(occupant: Occupant, error: unknown): void {
    if (occupant !== this.#occupant) return;
    const full = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
    this.#deps.log.error("Component worker failed and is replaced", { err: error });
    this.#vacate(occupant, full ? "out-of-memory" : "crashed");
  }

  #vacate(occupant: Occupant, cause: WorkerLoss["cause"]): void {
    if (occupant !== this.#occupant) return;
    const loss: WorkerLoss = { cause, current: readCurrent(occupant.current) };
    this.#occupant = undefined;
    const ended = occupant.worker.terminate().finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
    const tenants = [...this.#tenants.values()];
    this.#tenants.clear();
    for (const tenant of tenants) tenant.onLost(loss);
  }

  /**
   * Makes sure that the worker still takes messages. When it does not for `grace`, and no live turn is to blame (that
   * one has a deadline of its own), code of an evicted instance keeps it busy: it is replaced.
   */
  async #probe(occupant: Occupant, grace: Millis): Promise<void> {
    const ping = ++this.#lastPing;
    const answered = new AbortController();
    occupant.pongs.set(ping, () => answered.abort());
    this.post({ type: "ping", ping });
    while (occupant === this.#occupant && !answered.signal.aborted) {
      await this.#deps.clock.sleep(grace, answered.signal).catch(() => {});
      if (answered.signal.aborted || occupant !== this.#occupant) break;
      const current = readCurrent(occupant.current);
      if ([...this.#tenants.values()].some(({ turn }) => turn !== 0 && turn === current)) continue;
      this.#deps.log.warn("Component worker does not answer and is replaced", { turn: current });
      this.replace();
    }
    occupant.pongs.delete(ping);
  }
}
