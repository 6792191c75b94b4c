// One instance of a component, seen from the main thread: its turns, their deadlines, and the imports it calls.

import { PetioleError, WitError } from "../domain/errors.ts";
import { millis } from "../domain/units.ts";
import type { ComponentLimits } from "../domain/workload.ts";
import { unversioned } from "../domain/wit-name.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { ImportHandler } from "./contract.ts";
import { failureError, lossError } from "./failures.ts";
import { judgeTurn } from "./judge-turn.ts";
import { MisfitValue, convertValue, type ConvertOptions } from "./wit/value.ts";
import type { FunctionType, InterfaceShape } from "./wit/type.ts";
import type { FromWorker, GuestSetup, ImportOutcome, ToWorker } from "./worker/protocol.ts";
import { createStarts, readStart } from "./worker/turns.ts";
import type { Tenant, WorkerLoss, WorkerSlot } from "./worker-slot.ts";

export type TurnOutcome =
  | { readonly kind: "value"; readonly value: unknown }
  /** The instance is as good as before when the guest returned `err`, else it is gone. */
  | { readonly kind: "failed"; readonly error: PetioleError | WitError }
  /** The instance is gone, and the guest had not begun: it may be tried on another. */
  | { readonly kind: "unstarted" };

export interface GuestInstanceDeps {
  readonly slot: WorkerSlot;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: ComponentLimits;
  readonly onImport: ImportHandler;
  /** Numbers for instances and turns. */
  readonly nextNumber: () => number;
  readonly setup: Omit<GuestSetup, "instance" | "starts">;
}

interface Turn {
  readonly number: number;
  /** What the turn does, for messages. */
  readonly action: string;
  readonly end: (outcome: TurnOutcome) => void;
  readonly ended: AbortSignal;
  /** What an import of it failed with. */
  importError: PetioleError | undefined;
}

// A reason of our own: without one, every turn would cost the making of an exception.
const OVER = "turn over";

// What a timer takes; a later deadline is looked at again then.
const LONGEST_TIMER = 2 ** 31 - 1;

// Representations pass as the provider made them, as far as they can be sent at all.
const REPRESENTATIONS: ConvertOptions = {
  handle: (resource, value) => {
    try {
      return structuredClone(value);
    } catch {
      throw new MisfitValue(`the representation of a ${resource.name} has to be a plain value`);
    }
  },
};

export class GuestInstance implements Tenant {
  readonly #deps: GuestInstanceDeps;
  readonly #number: number;
  readonly #starts = createStarts();
  #turn: Turn | undefined;
  #gone = false;

  constructor(deps: GuestInstanceDeps) {
    this.#deps = deps;
    this.#number = deps.nextNumber();
  }

  /** True once it can take no more turns. */
  get gone(): boolean {
    return this.#gone;
  }

  get turn(): number {
    return this.#turn?.number ?? 0;
  }

  start(): Promise<TurnOutcome> {
    const setup = { ...this.#deps.setup, instance: this.#number, starts: this.#starts };
    this.#deps.slot.move(this.#number, this);
    return this.#take(`start component "${setup.id}"`, (turn) => ({ type: "start", turn, setup }));
  }

  /** `args` fit the function's type already. */
  call(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<TurnOutcome> {
    const instance = this.#number;
    return this.#take(`call "${functionName}" of component "${this.#deps.setup.id}"`, (turn) => {
      return { type: "call", instance, turn, interfaceName, functionName, args };
    });
  }

  /** Ends the instance. A turn that it has fails with `error`. */
  discard(error: PetioleError): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#deps.slot.evict(this.#number, this.#deps.limits.deadline);
    this.#turn?.end({ kind: "failed", error });
  }

  onMessage(message: FromWorker): void {
    switch (message.type) {
      case "started":
        this.#turn?.end({ kind: "value", value: undefined });
        break;
      case "returned":
        this.#onReturned(message.turn, message.value);
        break;
      case "failed":
        this.#onFailed(message);
        break;
      case "import":
        void this.#onImport(message);
        break;
      case "log":
        this.#deps.log[message.level](message.message, message.fields);
        break;
      case "pong":
        break;
    }
  }

  onLost(loss: WorkerLoss): void {
    this.#gone = true;
    const turn = this.#turn;
    if (turn === undefined) return;
    const begun = readStart(this.#starts, turn.number) !== undefined;
    // Tried again only when another turn is to blame: a worker that breaks by itself may do so every time.
    const blameless = loss.cause === "replaced" || (loss.cause === "out-of-memory" && loss.current !== 0);
    if (!begun && blameless) turn.end({ kind: "unstarted" });
    else turn.end({ kind: "failed", error: lossError(turn.action, turn.number, loss) });
  }

  async #take(action: string, message: (turn: number) => ToWorker): Promise<TurnOutcome> {
    const { promise, resolve } = Promise.withResolvers<TurnOutcome>();
    const ended = new AbortController();
    const turn: Turn = {
      number: this.#deps.nextNumber(),
      action,
      importError: undefined,
      ended: ended.signal,
      end: (outcome) => {
        this.#turn = undefined;
        ended.abort(OVER);
        resolve(outcome);
      },
    };
    this.#turn = turn;
    this.#deps.slot.post(message(turn.number));
    void this.#watch(turn);
    return promise;
  }

  async #watch(turn: Turn): Promise<void> {
    const { clock, limits, slot } = this.#deps;
    let wait = millis(Math.min(limits.deadline, LONGEST_TIMER));
    while (!turn.ended.aborted) {
      await clock.sleep(wait, turn.ended).catch(() => {});
      if (turn.ended.aborted) return;
      const verdict = judgeTurn({
        turn: turn.number,
        deadline: limits.deadline,
        now: clock.nanoseconds(),
        startedAt: readStart(this.#starts, turn.number),
        current: slot.current,
      });
      if (verdict.kind === "wait") {
        wait = millis(Math.min(verdict.duration, LONGEST_TIMER));
        continue;
      }
      const doing = verdict.kind === "stop-worker" ? "it was still computing" : "it was still waiting for a capability";
      this.discard(
        new PetioleError("ERR_COMPONENT_DEADLINE", `Cannot ${turn.action} within ${limits.deadline} ms: ${doing}`),
      );
      if (verdict.kind === "stop-worker") slot.replace();
    }
  }

  #onReturned(number: number, value: unknown): void {
    const turn = this.#turn;
    if (turn?.number !== number) return;
    // A guest that catches what is thrown through it went on after an import failed; its state is not to be trusted.
    if (turn.importError !== undefined) this.discard(turn.importError);
    else turn.end({ kind: "value", value });
  }

  #onFailed({ turn: number, failure }: FromWorker & { readonly type: "failed" }): void {
    const turn = this.#turn;
    if (turn?.number !== number) return;
    if (turn.importError !== undefined) this.discard(turn.importError);
    else if (failure.kind === "err") turn.end({ kind: "failed", error: new WitError(failure.payload) });
    else this.discard(failureError(turn.action, failure, this.#deps.limits.memory));
  }

  async #onImport(message: FromWorker & { readonly type: "import" }): Promise<void> {
    const { interfaceName, functionName, args, request } = message;
    const turn = this.#turn;
    let outcome: ImportOutcome;
    try {
      outcome = await this.#serveImport(interfaceName, functionName, args);
    } catch (error) {
      if (turn !== undefined) turn.importError ??= asPetioleError(error, interfaceName, functionName);
      outcome = { kind: "failed" };
    }
    if (!this.#gone) this.#deps.slot.post({ type: "reply", instance: this.#number, request, outcome });
  }

  async #serveImport(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<ImportOutcome> {
    const type = typeOf(this.#deps.setup.imports, interfaceName, functionName);
    const result = type?.result;
    let value: unknown;
    try {
      value = await this.#deps.onImport(unversioned(interfaceName), functionName, args);
    } catch (error) {
      if (!(error instanceof WitError) || result?.kind !== "result") throw error;
      if (result.err === undefined) return { kind: "err", payload: undefined };
      return { kind: "err", payload: convertValue(result.err, error.payload, REPRESENTATIONS) };
    }
    const wanted = result?.kind === "result" ? result.ok : result;
    return { kind: "value", value: wanted === undefined ? undefined : convertValue(wanted, value, REPRESENTATIONS) };
  }
}

function typeOf(shapes: readonly InterfaceShape[], interfaceName: string, name: string): FunctionType | undefined {
  return shapes.find((one) => one.name === interfaceName)?.functions.find((one) => one.name === name)?.type;
}

function asPetioleError(error: unknown, interfaceName: string, functionName: string): PetioleError {
  if (error instanceof PetioleError) return error;
  const what = `"${functionName}" of "${interfaceName}"`;
  const found =
    error instanceof MisfitValue
      ? `the capability's answer does not fit: ${error.message}`
      : error instanceof WitError
        ? "it failed with a WIT error, which the function does not declare"
        : error instanceof Error
          ? error.message
          : String(error);
  return new PetioleError("ERR_INVARIANT", `Cannot serve ${what}: ${found}`, { cause: error });
}
