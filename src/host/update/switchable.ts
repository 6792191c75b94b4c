import { PetioleError } from "../../domain/errors.ts";
import type { ComponentId, ComponentLimits } from "../../domain/workload.ts";
import type { HttpRequest, HttpResponse } from "../../lib/http-message.ts";
import { NO_BREACHES, type RunningComponent, type RunningStats } from "../../runtime/contract.ts";

/** Told of each call that the version on trial has ended; `error` is what it was rejected with. */
export type OnSettled = (error: unknown) => void;

interface Waiting {
  readonly begin: (target: RunningComponent) => Promise<unknown>;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Metering {
  /** Calls that are given to the target at a time: the others wait here, where another target can still have them. */
  readonly concurrency: number;
  readonly onSettled: OnSettled;
}

/**
 * A component whose version is replaced while others hold on to it. Calls that are held, and those that a version on trial
 * was not given yet, wait here in their order. Disposing it rejects these; the versions belong to whoever set them.
 */
export class SwitchableComponent implements RunningComponent {
  readonly #id: ComponentId;
  #target: RunningComponent | undefined;
  #limits: Pick<ComponentLimits, "queue" | "instances">;
  #state: "open" | "held" | "metered" | "closed" = "held";
  #metering: Metering | undefined;
  #waiting: Waiting[] = [];
  /** Of those that were given to a target by the one. */
  #begun = 0;

  constructor(id: ComponentId, limits: ComponentLimits) {
    this.#id = id;
    this.#limits = limits;
  }

  call(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#state === "open" && this.#target !== undefined) {
      return this.#target.call(interfaceName, functionName, args);
    }
    return this.#wait((target) => target.call(interfaceName, functionName, args));
  }

  http(request: HttpRequest): Promise<HttpResponse> {
    if (this.#state === "open" && this.#target !== undefined) return this.#target.http(request);
    return this.#wait((target) => target.http(request));
  }

  configure(config: Readonly<Record<string, string>>): void {
    this.#target?.configure(config);
  }

  stats(): RunningStats {
    const stats = this.#target?.stats() ?? NO_STATS;
    return this.#waiting.length === 0 ? stats : { ...stats, pending: stats.pending + this.#waiting.length };
  }

  /** From now on calls wait, until there is a target again. */
  hold(): void {
    if (this.#state !== "closed") this.#state = "held";
  }

  /** Gives calls to `target`, first those that wait; with `onSettled`, no more at a time than it has instances. */
  switchTo(target: RunningComponent, limits: ComponentLimits, onSettled?: OnSettled): void {
    if (this.#state === "closed") return;
    this.#target = target;
    this.#limits = limits;
    this.#metering = onSettled === undefined ? undefined : { concurrency: limits.instances, onSettled };
    this.#begun = 0;
    this.#state = this.#metering === undefined ? "open" : "metered";
    this.#pump();
  }

  /** The target has proved its worth: it gets its calls as they come. */
  open(): void {
    if (this.#state === "closed" || this.#metering === undefined) return;
    this.#metering = undefined;
    this.#begun = 0;
    this.#state = "open";
    this.#pump();
  }

  /** Calls are refused until there is a target again. */
  lose(): void {
    if (this.#state === "closed") return;
    this.#target = undefined;
    this.#state = "open";
    for (const { reject } of this.#waiting.splice(0)) reject(this.#stopped());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = "closed";
    for (const { reject } of this.#waiting.splice(0)) reject(this.#stopped());
  }

  #wait<T>(begin: (target: RunningComponent) => Promise<T>): Promise<T> {
    if (this.#state === "closed" || this.#state === "open") return Promise.reject(this.#stopped());
    // As many as the component itself would let wait, beside those that are served.
    const waiting = this.#waiting.length + this.#begun - Math.max(1, this.#target?.stats().instances ?? 0);
    if (waiting >= this.#limits.queue) {
      const text = `Cannot call component "${this.#id}": ${waiting} calls are waiting already`;
      return Promise.reject(new PetioleError("ERR_COMPONENT_BUSY", text));
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ begin, resolve, reject });
      this.#pump();
    });
  }

  #pump(): void {
    const target = this.#target;
    if (target === undefined) return;
    const metering = this.#metering;
    if (metering === undefined) {
      if (this.#state !== "open") return;
      for (const { begin, resolve, reject } of this.#waiting.splice(0)) {
        begin(target).then(resolve as (value: unknown) => void, reject);
      }
      return;
    }
    while (this.#state === "metered" && this.#begun < metering.concurrency) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#begun++;
      const settled = (error: unknown): void => {
        // It may have been taken from the version on trial meanwhile.
        if (this.#metering !== metering) return;
        this.#begun--;
        metering.onSettled(error);
        this.#pump();
      };
      next.begin(target).then(
        (value) => {
          next.resolve(value as never); // What `begin` gives is what its promise is for.
          settled(undefined);
        },
        (error: unknown) => {
          next.reject(error);
          settled(error);
        },
      );
    }
  }

  #stopped(): PetioleError {
    return new PetioleError("ERR_COMPONENT_STOPPED", `Component "${this.#id}" was stopped`);
  }
}

const NO_STATS: RunningStats = {
  calls: 0,
  failures: 0,
  restarts: 0,
  pending: 0,
  instances: 0,
  memory: 0,
  reserved: 0,
  cpuTime: 0,
  recycled: 0,
  breaches: NO_BREACHES,
  degraded: false,
};
