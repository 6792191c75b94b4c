// The instances of one component in one worker, seen from the main thread: their turns, deadlines and imports.

import { WitError, type PetioleError } from "../domain/errors.ts";
import { millis } from "../domain/units.ts";
import type { ComponentLimits } from "../domain/workload.ts";
import type { Logger } from "../lib/log.ts";
import type { LimitName } from "./contract.ts";
import { clientFailure, deadlineFailure, lossFailure, turnFailure, type TurnFailure } from "./failures.ts";
import type { HttpExchange } from "./http-exchange.ts";
import type { ImportServer } from "./import-server.ts";
import { HeldResources } from "./held-resources.ts";
import { CLOSE_GRACE, judgeClosing } from "./judge-closing.ts";
import { judgeTurn } from "./judge-turn.ts";
import { StreamEnds } from "./stream-ends.ts";
import type { OutputMessage } from "./wasi/http/messages.ts";
import { CellReader, NO_TURN, createCells, nextTurn } from "./worker/cells.ts";
import type { FromWorker, GuestFailure, GuestSetup, RetireReason, TurnBody } from "./worker/protocol.ts";
import type { SlotVerdict, Tenant, WorkerLoss, WorkerSlot } from "./worker-slot.ts";

/** A call that somebody waits for. */
export interface Call {
  /** For messages: `call "name" of component "id"`. */
  readonly action: string;
  readonly body: TurnBody;
  /** Of a turn of kind `http`. */
  readonly exchange?: HttpExchange;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Of two calls of a component, the one that came first has the lower. */
  readonly order: number;
  /** How often a worker was lost before it began. */
  losses: number;
}

export type CallOutcome =
  | { readonly kind: "value"; readonly value: unknown }
  /** The function returned `err`. */
  | { readonly kind: "err"; readonly error: WitError }
  | { readonly kind: "failed"; readonly failure: TurnFailure };

/** What the owner of a group hears of it. */
export interface GroupOwner {
  started(): void;
  startFailed(failure: TurnFailure): void;
  /** An instance that was to be ended goes on after all. */
  kept(): void;
  /** Its code ran for so many milliseconds that no call which `ended` stands for. */
  spent(computed: number): void;
  /** `computed` is the milliseconds its code ran, as far as known. */
  ended(call: Call, outcome: CallOutcome, computed: number): void;
  /** Not begun, to be given to another instance. In the order they were sent. */
  unstarted(calls: readonly Call[]): void;
  retired(reason: RetireReason): void;
  reached(limit: LimitName, count: number): void;
  /** The worker is gone and the group with it. */
  lost(group: InstanceGroup, loss: GroupLoss): void;
}

export interface GroupLoss {
  readonly cause: WorkerLoss["cause"];
  /** An instance of the group was executing. */
  readonly guilty: boolean;
  /** Nobody was executing, so what broke the worker may be anything that was done in it for this group. */
  readonly suspect: boolean;
  /** Instances that had not answered yet. */
  readonly starting: number;
  /** What they failed with, unless another component is to blame. */
  readonly startFailure: TurnFailure | undefined;
  readonly begun: readonly { readonly call: Call; readonly failure: TurnFailure }[];
  /** Calls that no guest has seen, in the order they were sent. */
  readonly unstarted: readonly Call[];
}

export interface InstanceGroupDeps {
  readonly number: number;
  readonly slot: WorkerSlot;
  readonly setup: GuestSetup;
  readonly limits: ComponentLimits;
  readonly imports: ImportServer;
  readonly log: Logger;
  readonly owner: GroupOwner;
  /** Milliseconds of the clock that the worker marks the begin of turns with. */
  readonly now: () => number;
}

interface Turn {
  readonly call: Call;
  /** What an import of it failed with. */
  importError: PetioleError | undefined;
}

interface Instance {
  readonly place: number;
  readonly reservation: Disposable;
  readonly streams: StreamEnds;
  readonly held: HeldResources;
  started: boolean;
  memory: number;
  /** Imports of it that the main thread has not answered, and when the last answer went. */
  awaited: number;
  answeredAt: number;
  /** The turn that others held off, since when, and for how long. */
  heldOff: { readonly turn: number; readonly since: number; readonly duration: number } | undefined;
  /** The worker was told to end it. */
  expired: { readonly turn: number; readonly at: number } | undefined;
}

export class InstanceGroup implements Tenant {
  readonly #deps: InstanceGroupDeps;
  readonly #cells: CellReader;
  readonly #instances = new Map<number, Instance>();
  readonly #turns = new Map<number, Turn>();
  readonly #freePlaces: number[];
  readonly #codeCaches = new Map<number, (bytes: Uint8Array | undefined) => void>();
  #lastTurn = 0;
  #lastRequest = 0;
  #live = 0;
  #closedAt: number | undefined;
  #guilty = false;
  /** Settled when nothing of the group is left. */
  readonly #gone = Promise.withResolvers<void>();

  constructor(deps: InstanceGroupDeps) {
    const { limits, number, setup, slot } = deps;
    this.#deps = deps;
    // Twice as many as there may be: one that is being ended keeps its place until the worker has answered.
    const places = 2 * limits.instances;
    const cells = createCells(places);
    this.#cells = new CellReader(cells);
    this.#freePlaces = Array.from({ length: places }, (_, index) => places - 1 - index);
    slot.moveIn(number, this);
    slot.post(["open", { ...setup, group: number, cells }]);
  }

  get slot(): WorkerSlot {
    return this.#deps.slot;
  }

  /** Instances, those that start or end included. */
  get size(): number {
    return this.#instances.size;
  }

  /** Instances that can take turns. */
  get live(): number {
    return this.#live;
  }

  /** Turns that were sent and have not ended. */
  get pending(): number {
    return this.#turns.size;
  }

  get memory(): number {
    return [...this.#instances.values()].reduce((sum, { memory }) => sum + memory, 0);
  }

  /** Makes an instance, unless all places are taken. */
  start(instance: number, reservation: Disposable): boolean {
    const { limits, number, slot } = this.#deps;
    const place = this.#freePlaces.pop();
    if (place === undefined) return false;
    this.#cells.clear(place);
    this.#instances.set(instance, {
      place,
      reservation,
      streams: new StreamEnds((stream, input) => slot.post(["stream", number, instance, stream, input])),
      held: new HeldResources(),
      started: false,
      memory: 0,
      awaited: 0,
      answeredAt: 0,
      heldOff: undefined,
      expired: undefined,
    });
    slot.post(["start", number, instance, place]);
    slot.watch(limits.deadline);
    return true;
  }

  send(call: Call): void {
    const { limits, number, slot } = this.#deps;
    this.#lastTurn = nextTurn(this.#lastTurn);
    this.#turns.set(this.#lastTurn, { call, importError: undefined });
    const turn = this.#lastTurn;
    slot.post(["turn", number, turn, call.body]);
    call.exchange?.begin((input) => slot.post(["http", number, turn, input]));
    slot.watch(limits.deadline);
  }

  configure(config: GuestSetup["config"]): void {
    this.#deps.slot.post(["configure", this.#deps.number, config]);
  }

  /** V8's code cache of the glue, with what it compiled by now. Undefined when the worker is gone. */
  codeCache(): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const request = ++this.#lastRequest;
      this.#codeCaches.set(request, resolve);
      this.#deps.slot.post(["code-cache", this.#deps.number, request]);
    });
  }

  /** Ends all instances, and waits until none of their code is executed. Calls that they have fail with `error`. */
  close(error: PetioleError): Promise<void> {
    if (this.#closedAt !== undefined) return this.#gone.promise;
    this.#closedAt = this.#deps.now();
    const turns = [...this.#turns.values()];
    this.#turns.clear();
    for (const { call } of turns) {
      this.#deps.owner.ended(call, { kind: "failed", failure: { error } }, 0);
    }
    this.#deps.slot.post(["close", this.#deps.number]);
    this.#deps.slot.watch(CLOSE_GRACE);
    return this.#gone.promise;
  }

  judge(now: number, current: number): SlotVerdict {
    if (this.#closedAt !== undefined) {
      const computing = this.#instances.has(current);
      const closingFor = millis(now - this.#closedAt);
      return judgeClosing({ closingFor, computing, blocked: current !== 0 && !computing });
    }
    const { deadline } = this.#deps.limits;
    let next = this.#turns.size > 0 ? deadline : Infinity;
    for (const [number, instance] of this.#instances) {
      const { turn, elapsed } = this.#cells.place(instance.place, now);
      if (turn === NO_TURN) {
        if (!instance.started) next = Math.min(next, deadline);
        continue;
      }
      const since = instance.expired?.turn === turn ? instance.expired.at : undefined;
      const blocked = current !== 0 && current !== number;
      const answered = instance.awaited === 0;
      if (elapsed >= deadline && blocked && answered) holdOff(instance, turn, now, elapsed);
      const verdict = judgeTurn({
        deadline,
        elapsed: millis(elapsed),
        computing: current === number,
        blocked,
        answered,
        heldOff: millis(instance.heldOff?.turn === turn ? instance.heldOff.duration : 0),
        expiredFor: since === undefined ? undefined : millis(now - since),
      });
      if (verdict.kind === "stop-worker") {
        this.#guilty = true;
        // Since it began or was answered last: when it waits for something else, that counts too.
        this.#overdue(number, turn, undefined, Math.min(elapsed, now - instance.answeredAt));
        return verdict;
      }
      if (verdict.kind === "wait") next = Math.min(next, verdict.duration);
      else {
        this.#overdue(number, turn, elapsed);
        instance.expired = { turn, at: now };
        if (instance.started) this.#live--;
        this.#deps.slot.post(["expire", this.#deps.number, number, turn]);
        next = Math.min(next, deadline);
      }
    }
    return { kind: "wait", duration: next === Infinity ? undefined : millis(next) };
  }

  onMessage(message: FromWorker): void {
    switch (message[0]) {
      case "started":
        this.#deps.owner.spent(message[4]);
        this.#onStarted(message[2], message[3]);
        break;
      case "start-failed":
        this.#deps.owner.spent(message[4]);
        this.#onStartFailed(message[2], message[3]);
        break;
      case "returned":
        this.#onReturned(message[2], message[3], message[4]);
        break;
      case "http":
        this.#turns.get(message[2])?.call.exchange?.onOutput(message[3]);
        break;
      case "failed":
        this.#onFailed(message[2], message[3], message[4]);
        break;
      case "cancelled":
        this.#onCancelled(message[2]);
        break;
      case "unstarted":
        this.#onUnstarted(message[2]);
        break;
      case "retired":
        this.#deps.owner.spent(message[4]);
        this.#onRetired(message[2], message[3]);
        break;
      case "kept":
        this.#onKept(message[2]);
        break;
      case "memory": {
        const instance = this.#instances.get(message[2]);
        if (instance !== undefined) instance.memory = message[3];
        break;
      }
      case "import":
        this.#onImport(message[2], message[3], message[4], message[5], message[6]);
        break;
      case "stream":
        this.#instances.get(message[2])?.streams.onOutput(message[3], message[4]);
        break;
      case "dropped":
        this.#onDropped(message[2], message[3], message[4], message[5]);
        break;
      case "egress": {
        const [, group, instance, request, asked] = message;
        void this.#deps.imports.egress(asked).then((answer) => {
          if (this.#instances.has(instance)) this.#deps.slot.post(["egress", group, instance, request, answer]);
        });
        break;
      }
      case "log":
        if (this.#closedAt === undefined) this.#deps.log[message[2]](message[3], message[4]);
        break;
      case "held-back":
        this.#deps.owner.reached("log", message[2]);
        break;
      case "closed":
        this.#deps.slot.moveOut(this.#deps.number);
        this.#releaseAll();
        break;
      case "code-cache":
        this.#codeCaches.get(message[2])?.(message[3]);
        this.#codeCaches.delete(message[2]);
        break;
    }
  }

  onLost(loss: WorkerLoss): void {
    const guilty = this.#guilty || this.#instances.has(loss.current);
    const starting = [...this.#instances.values()].filter(({ started }) => !started).length;
    const turns = [...this.#turns];
    // What fills a heap while no code runs are the messages to somebody.
    const filling = loss.cause === "out-of-memory" && loss.current === 0 && turns.length + starting > 0;
    const suspect = loss.cause === "crashed" || filling;
    this.#turns.clear();
    this.#releaseAll();
    if (this.#closedAt !== undefined) return;
    const begun: { readonly call: Call; readonly failure: TurnFailure }[] = [];
    const unstarted: Call[] = [];
    for (const [number, { call, importError }] of turns) {
      if (!this.#cells.begun(number)) unstarted.push(call);
      else {
        const failure = importError === undefined ? lossFailure(call.action, guilty, loss) : { error: importError };
        begun.push({ call, failure });
      }
    }
    const atFault = starting > 0 && (guilty || suspect);
    const startFailure = atFault ? lossFailure(`start component "${this.#deps.setup.id}"`, guilty, loss) : undefined;
    this.#deps.owner.lost(this, { cause: loss.cause, guilty, suspect, starting, startFailure, begun, unstarted });
  }

  /** Fails what an instance is doing; it may have been failed before. `waiting` is how long it had for it, if it waits. */
  #overdue(instance: number, turn: number, waiting: number | undefined, computed = 0): void {
    const { limits, owner, setup } = this.#deps;
    const computing = waiting === undefined;
    const found = this.#turns.get(turn);
    if (found !== undefined) {
      const { action, exchange } = found.call;
      const failure =
        waiting !== undefined && exchange?.client.blames(waiting) === true
          ? clientFailure(action, limits.deadline)
          : deadlineFailure(action, limits.deadline, computing);
      this.#turns.delete(turn);
      owner.ended(found.call, { kind: "failed", failure }, computed);
      return;
    }
    owner.spent(computed);
    if (this.#instances.get(instance)?.started === false) {
      this.#forget(instance);
      owner.startFailed(deadlineFailure(`start component "${setup.id}"`, limits.deadline, computing));
    }
  }

  #onStarted(number: number, memory: number): void {
    const instance = this.#instances.get(number);
    if (instance === undefined || this.#closedAt !== undefined) return;
    instance.started = true;
    instance.memory = memory;
    this.#live++;
    this.#deps.owner.started();
  }

  #onStartFailed(number: number, failure: GuestFailure): void {
    const { limits, owner, setup } = this.#deps;
    if (!this.#instances.has(number) || this.#closedAt !== undefined) return;
    this.#forget(number);
    // No function was called, so none has returned `err`.
    const cause = failure.kind === "err" ? { kind: "import" as const } : failure;
    owner.startFailed(turnFailure(`start component "${setup.id}"`, cause, limits.memory));
  }

  #onReturned(number: number, value: unknown, computed: number): void {
    const exchange = this.#turns.get(number)?.call.exchange;
    const error = exchange?.failure(value as OutputMessage); // What turns of its kind return.
    if (error === undefined) this.#onEnded(number, { kind: "value", value }, computed);
    else this.#onEnded(number, { kind: "failed", failure: { error } }, computed);
  }

  #onFailed(number: number, failure: GuestFailure, computed: number): void {
    const call = this.#turns.get(number)?.call;
    if (call === undefined) {
      this.#deps.owner.spent(computed);
      return;
    }
    if (failure.kind === "err") {
      this.#onEnded(number, { kind: "err", error: new WitError(failure.payload) }, computed);
    } else {
      const failed = turnFailure(call.action, failure, this.#deps.limits.memory);
      this.#onEnded(number, { kind: "failed", failure: failed }, computed);
    }
  }

  /** A guest may go on after an import of it failed; it is that failure which the caller hears of. */
  #onEnded(number: number, outcome: CallOutcome, computed: number): void {
    const turn = this.#turns.get(number);
    if (turn === undefined) {
      this.#deps.owner.spent(computed);
      return;
    }
    this.#turns.delete(number);
    const { call, importError } = turn;
    const final: CallOutcome =
      importError === undefined ? outcome : { kind: "failed", failure: { error: importError } };
    this.#deps.owner.ended(call, final, computed);
  }

  /** Nobody waits for its answer, and no guest has seen it: that says nothing about the component. */
  #onCancelled(number: number): void {
    this.#turns.get(number)?.call.exchange?.finish();
    this.#turns.delete(number);
    this.#deps.owner.unstarted([]);
  }

  #onUnstarted(numbers: readonly number[]): void {
    const calls: Call[] = [];
    for (const number of numbers) {
      const turn = this.#turns.get(number);
      if (turn !== undefined) calls.push(turn.call);
      this.#turns.delete(number);
    }
    this.#deps.owner.unstarted(calls);
  }

  #onRetired(number: number, reason: RetireReason): void {
    if (!this.#instances.has(number)) return;
    this.#forget(number);
    if (this.#closedAt === undefined) this.#deps.owner.retired(reason);
  }

  /** It was past the turn that was overdue. */
  #onKept(number: number): void {
    const instance = this.#instances.get(number);
    if (instance?.expired === undefined) return;
    instance.expired = undefined;
    if (instance.started) this.#live++;
    this.#deps.owner.kept();
  }

  #onImport(turnNumber: number, instance: number, request: number, target: number, args: readonly unknown[]): void {
    const { imports, number, slot } = this.#deps;
    const turn = this.#turns.get(turnNumber);
    const asker = this.#instances.get(instance);
    if (asker !== undefined) asker.awaited++;
    const answer = (): void => {
      if (asker === undefined) return;
      asker.awaited--;
      asker.answeredAt = this.#deps.now();
    };
    if (asker === undefined) return;
    const { settled } = asker.streams;
    const served = settled?.then(() => imports.serve(target, args, asker)) ?? imports.serve(target, args, asker);
    served.then(
      (outcome) => {
        answer();
        if (!this.#instances.has(instance)) {
          // What it was given now, it will not drop.
          this.#dropHeld(asker);
          return;
        }
        const payload = outcome.kind === "value" ? outcome.value : outcome.kind === "err" ? outcome.payload : undefined;
        slot.post(["reply", number, instance, request, outcome.kind, payload]);
      },
      (error: PetioleError) => {
        answer();
        if (turn !== undefined) turn.importError ??= error;
        if (this.#instances.has(instance)) slot.post(["reply", number, instance, request, "failed", undefined]);
      },
    );
  }

  #onDropped(number: number, interfaceId: string, resource: string, representation: unknown): void {
    const instance = this.#instances.get(number);
    if (instance?.held.remove(interfaceId, resource, representation) !== true) return;
    const drop = (): void => this.#deps.imports.drop(interfaceId, resource, representation);
    void (instance.streams.settled ?? Promise.resolve()).then(drop);
  }

  /** Nothing of it is left. */
  #release(instance: Instance): void {
    instance.streams[Symbol.dispose]();
    this.#dropHeld(instance);
    instance.reservation[Symbol.dispose]();
  }

  #dropHeld({ held }: Instance): void {
    for (const { interfaceId, resource, representation } of held.takeAll()) {
      this.#deps.imports.drop(interfaceId, resource, representation);
    }
  }

  #forget(number: number): void {
    const instance = this.#instances.get(number);
    if (instance === undefined) return;
    this.#instances.delete(number);
    this.#freePlaces.push(instance.place);
    if (instance.started && instance.expired === undefined) this.#live--;
    this.#release(instance);
  }

  #releaseAll(): void {
    for (const instance of this.#instances.values()) this.#release(instance);
    this.#instances.clear();
    this.#live = 0;
    for (const resolve of this.#codeCaches.values()) resolve(undefined);
    this.#codeCaches.clear();
    this.#gone.resolve();
  }
}

/** Counts the time that others hold it off: since its last answer, as far as is known. */
function holdOff(instance: Instance, turn: number, now: number, elapsed: number): void {
  const known = instance.heldOff?.turn === turn ? instance.heldOff.since : undefined;
  const since = known ?? (instance.answeredAt > now - elapsed ? instance.answeredAt : now);
  instance.heldOff = { turn, since, duration: now - since };
}
