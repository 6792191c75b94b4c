// A running component: its mailbox, and an instance that is replaced when it failed.

import { PetioleError, WitError } from "../domain/errors.ts";
import { millis } from "../domain/units.ts";
import { unversioned } from "../domain/wit-name.ts";
import { backoffDelay, type BackoffOptions } from "../lib/backoff.ts";
import type { Admission } from "./admission.ts";
import { NO_BREACHES, type RunningComponent, type RunningStats } from "./contract.ts";
import { GuestInstance, type GuestInstanceDeps, type TurnOutcome } from "./guest-instance.ts";
import type { FunctionType } from "./wit/type.ts";
import { MisfitValue, convertValue } from "./wit/value.ts";

export interface ComponentRunnerDeps extends GuestInstanceDeps {
  /** Turns that the worker may have at a time. */
  readonly admission: Admission;
  readonly restarts: BackoffOptions;
}

interface Call {
  readonly interfaceName: string;
  readonly functionName: string;
  readonly args: readonly unknown[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

// As many failures in a row are taken for bad luck; after that each new instance has to wait.
const PROMPT_RESTARTS = 2;

/**
 * Calls are served one after another in the order they came. A new instance is made when a call needs one, not when
 * the old one failed: a component that nobody calls cannot fail again and again.
 */
export class ComponentRunner implements RunningComponent {
  readonly #deps: ComponentRunnerDeps;
  readonly #queue: Call[] = [];
  readonly #stop = new AbortController();
  #serving: Call | undefined;
  #instance: GuestInstance | undefined;
  #started = false;
  #failuresInRow = 0;
  #calls = 0;
  #failures = 0;
  #restarts = 0;

  constructor(deps: ComponentRunnerDeps) {
    this.#deps = deps;
  }

  /** Makes the first instance. @throws what starting it failed with */
  async start(): Promise<void> {
    using _place = await this.#deps.admission.enter(this.#stop.signal);
    let outcome: TurnOutcome;
    do outcome = await this.#ensureInstance();
    while (outcome.kind === "unstarted");
    if (outcome.kind === "failed") throw outcome.error;
  }

  async call(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown> {
    const { limits, setup } = this.#deps;
    if (this.#stop.signal.aborted) throw this.#stopped();
    const target = this.#resolve(interfaceName, functionName);
    const checked = this.#check(functionName, target.type, args);
    if (this.#serving !== undefined && this.#queue.length >= limits.queue) {
      throw new PetioleError(
        "ERR_COMPONENT_BUSY",
        `Cannot call "${functionName}" of component "${setup.id}": ${this.#queue.length} calls are waiting already`,
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ interfaceName: target.name, functionName, args: checked, resolve, reject });
      if (this.#serving === undefined) void this.#serveQueue();
    });
  }

  stats(): RunningStats {
    return {
      calls: this.#calls,
      failures: this.#failures,
      restarts: this.#restarts,
      pending: this.#queue.length + (this.#serving === undefined ? 0 : 1),
      instances: this.#instance === undefined ? 0 : 1,
      memory: 0,
      reserved: 0,
      cpuTime: 0,
      recycled: 0,
      breaches: NO_BREACHES,
      degraded: false,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort(this.#stopped());
    this.#instance?.discard(this.#stopped());
    for (const call of this.#queue.splice(0)) call.reject(this.#stopped());
    this.#serving?.reject(this.#stopped());
  }

  async #serveQueue(): Promise<void> {
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) {
      this.#serving = call;
      const outcome = await this.#serve(call).catch((error: unknown): TurnOutcome => {
        return { kind: "failed", error: asPetioleError(error) };
      });
      this.#count(outcome);
      if (outcome.kind === "value") call.resolve(outcome.value);
      else call.reject(outcome.kind === "failed" ? outcome.error : this.#stopped());
    }
    this.#serving = undefined;
  }

  async #serve(call: Call): Promise<TurnOutcome> {
    for (;;) {
      await this.#backOff();
      using _place = await this.#deps.admission.enter(this.#stop.signal);
      let outcome = await this.#ensureInstance();
      if (outcome.kind === "value" && this.#instance !== undefined) {
        outcome = await this.#instance.call(call.interfaceName, call.functionName, call.args);
      }
      if (this.#instance?.gone === true) this.#instance = undefined;
      // The worker was lost to another component before the guest saw this call: it is served by the next one.
      if (outcome.kind !== "unstarted") return outcome;
      this.#stop.signal.throwIfAborted();
    }
  }

  async #ensureInstance(): Promise<TurnOutcome> {
    this.#stop.signal.throwIfAborted();
    if (this.#instance?.gone === true) this.#instance = undefined;
    if (this.#instance !== undefined) return { kind: "value", value: undefined };
    if (this.#started) this.#restarts++;
    const instance = new GuestInstance(this.#deps);
    this.#instance = instance;
    const outcome = await instance.start();
    if (outcome.kind !== "value") this.#instance = undefined;
    else this.#started = true;
    return outcome;
  }

  async #backOff(): Promise<void> {
    const attempt = this.#failuresInRow - PROMPT_RESTARTS - 1;
    if (attempt < 0 || (this.#instance !== undefined && !this.#instance.gone)) return;
    await this.#deps.clock.sleep(backoffDelay(attempt, this.#deps.restarts), this.#stop.signal);
  }

  #count(outcome: TurnOutcome): void {
    this.#calls++;
    const failed = outcome.kind === "failed" && !(outcome.error instanceof WitError);
    if (!failed) {
      this.#failuresInRow = 0;
      return;
    }
    this.#failures++;
    // A worker lost to another component says nothing about this one.
    if (outcome.error.code !== "ERR_COMPONENT_STOPPED") this.#failuresInRow++;
  }

  #resolve(interfaceName: string, functionName: string): { readonly name: string; readonly type: FunctionType } {
    const { exports, id } = this.#deps.setup;
    const shape = exports.find((one) => unversioned(one.name) === unversioned(interfaceName));
    const type = shape?.functions.find((one) => one.name === functionName)?.type;
    if (shape !== undefined && type !== undefined) return { name: shape.name, type };
    throw new PetioleError(
      "ERR_EXPORT_MISSING",
      `Cannot call "${functionName}" of component "${id}": ` +
        (shape === undefined ? `it does not export "${interfaceName}"` : `"${shape.name}" has no such function`),
    );
  }

  /** Copies the arguments, so that the caller may change its own afterwards. */
  #check(functionName: string, type: FunctionType, args: readonly unknown[]): readonly unknown[] {
    const { limits, setup } = this.#deps;
    let size = 0;
    const options = {
      handle: (resource: { readonly name: string }) => {
        throw new MisfitValue(`a ${resource.name} cannot be given to a component`);
      },
      measure: (bytes: number) => {
        size += bytes;
      },
    };
    const checked = type.params.map((param, index) => {
      try {
        return convertValue(param.type, args[index], options);
      } catch (error) {
        if (!(error instanceof MisfitValue)) throw error;
        throw new PetioleError(
          "ERR_LINK_INVALID",
          `Cannot call "${functionName}" of component "${setup.id}": argument "${param.name}" does not fit: ${error.message}`,
          { cause: error },
        );
      }
    });
    if (size <= limits.memory) return checked;
    throw new PetioleError(
      "ERR_COMPONENT_MEMORY",
      `Cannot call "${functionName}" of component "${setup.id}": arguments of ${size} bytes do not fit in its memory of ${limits.memory}`,
    );
  }

  #stopped(): PetioleError {
    return new PetioleError("ERR_COMPONENT_STOPPED", `Component "${this.#deps.setup.id}" was stopped`);
  }
}

function asPetioleError(error: unknown): PetioleError {
  if (error instanceof PetioleError) return error;
  const found = error instanceof Error ? error.message : String(error);
  return new PetioleError("ERR_INVARIANT", `Cannot serve a call: ${found}`, { cause: error });
}

export const RESTART_BACKOFF: BackoffOptions = { initial: millis(100), max: millis(30_000) };
