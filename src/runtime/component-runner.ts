// A running component: its mailbox, and instances that are made when calls need them and replaced when they failed.

import { PetioleError } from "../domain/errors.ts";
import { millis, type Bytes, type Millis } from "../domain/units.ts";
import { backoffDelay, type BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { HttpRequest, HttpResponse } from "../lib/http-message.ts";
import type { Logger } from "../lib/log.ts";
import type { AddressSpace } from "./address-space.ts";
import { Breaches } from "./breaches.ts";
import { CallTargets } from "./call-targets.ts";
import type { InstanceOptions, LimitName, RunningComponent, RunningStats } from "./contract.ts";
import { CpuShare } from "./cpu-share.ts";
import type { TurnFailure } from "./failures.ts";
import { HttpExchange, type HttpExchangeDeps } from "./http-exchange.ts";
import { createImportServer, type ImportServer } from "./import-server.ts";
import { InstanceGroup, type Call, type CallOutcome, type GroupLoss, type GroupOwner } from "./instance-group.ts";
import type { OutputMessage } from "./wasi/http/messages.ts";
import type { GuestSetup, RetireReason } from "./worker/protocol.ts";
import type { WorkerSlot } from "./worker-slot.ts";

export interface ComponentRunnerDeps {
  /** Workers that may hold instances of it. */
  readonly slots: readonly WorkerSlot[];
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: InstanceOptions;
  readonly setup: GuestSetup;
  /** Bound of a worker's JavaScript heap. */
  readonly heap: Bytes;
  readonly addressSpace: AddressSpace;
  /** Address space that an instance reserves, in bytes. */
  readonly reservation: number;
  readonly restarts: BackoffOptions;
  /** Numbers for groups and instances. */
  readonly nextNumber: () => number;
}

// As many failures in a row are taken for bad luck; after that each new instance has to wait.
const PROMPT_RESTARTS = 2;
// A call is given to another instance as often when workers are lost for no reason that is known.
const MAX_LOSSES = 2;
// Who is called while a component has no instance waits for the next one no longer than that.
const LONGEST_PAUSE = 1000;
// How much computing may be sent to a worker ahead of time, in milliseconds, so that it need not wait for the next call.
const AHEAD_COMPUTING = 2;
const MAX_AHEAD = 64;
// Weight of the last call in the average.
const AVERAGE_WEIGHT = 0.1;

/**
 * Calls begin in the order they came, each on an instance that is free. A new instance is made when a call needs one,
 * not when an old one failed: a component that nobody calls cannot fail again and again. One that was lost through no
 * fault of its own is made again at once.
 */
export class ComponentRunner implements RunningComponent, GroupOwner {
  readonly #deps: ComponentRunnerDeps;
  readonly #stop = new AbortController();
  readonly #targets: CallTargets;
  readonly #httpDeps: HttpExchangeDeps;
  readonly #imports: ImportServer;
  readonly #breaches: Breaches;
  readonly #cpu: CpuShare;
  #config: GuestSetup["config"];
  #groups: InstanceGroup[] = [];
  #queue: Call[] = [];
  #firstStart: PromiseWithResolvers<void> | undefined;
  #waking = false;
  /** Until when no call begins or no instance is made, and the timer for it is set. */
  #asleep = { cpu: false, restart: false };
  #starting = 0;
  #restartAt = 0;
  #failuresInRow = 0;
  #lastCall = 0;
  #degraded = false;
  #averageComputed = 1;
  #calls = 0;
  #failures = 0;
  #computed = 0;
  /** Instances that are gone and were not replaced. */
  #gone = { failed: 0, recycled: 0 };
  #restarts = 0;
  #recycled = 0;

  constructor(deps: ComponentRunnerDeps) {
    const { clock, heap, options, setup } = deps;
    const bounds = { memory: options.limits.memory, heap };
    this.#deps = deps;
    this.#config = setup.config;
    this.#httpDeps = {
      action: `serve HTTP by component "${setup.id}"`,
      now: () => clock.monotonic(),
      onGone: (exchange) => {
        this.#queue = this.#queue.filter((one) => one.exchange !== exchange);
      },
    };
    this.#targets = new CallTargets(setup.id, setup.exports, bounds);
    this.#imports = createImportServer(setup.imports, bounds, options);
    this.#breaches = new Breaches(clock, options.onEvent, this.#stop.signal);
    this.#cpu = new CpuShare(options.limits.cpu, clock.monotonic());
  }

  /** Makes the first instance. @throws what starting it failed with */
  async start(): Promise<void> {
    this.#firstStart = Promise.withResolvers();
    if (!this.#grow()) this.#firstStart.reject(this.#noRoom());
    await this.#firstStart.promise;
  }

  async call(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#stop.signal.aborted) throw this.#stopped();
    const target = this.#targets.find(interfaceName, functionName);
    const checked = this.#checkArguments(() => this.#targets.check(target, args));
    const action = `call "${functionName}" of component "${this.#deps.setup.id}"`;
    this.#admit(action);
    return new Promise((resolve, reject) => {
      this.#queue.push({
        action,
        body: ["call", target.number, checked],
        resolve,
        reject,
        losses: 0,
        order: ++this.#lastCall,
      });
      this.#wake();
    });
  }

  async http(request: HttpRequest): Promise<HttpResponse> {
    if (this.#stop.signal.aborted) throw this.#stopped();
    const target = this.#targets.find("wasi:http/incoming-handler", "handle");
    const { action } = this.#httpDeps;
    this.#admit(action);
    const exchange = new HttpExchange(request, this.#httpDeps);
    if (exchange.cancelled) return exchange.response;
    this.#queue.push({
      action,
      exchange,
      body: ["http", target.number, exchange.message],
      resolve: (output) => {
        exchange.onOutput(output as OutputMessage); // What turns of its kind return.
        exchange.finish();
      },
      reject: (error) => exchange.finish(error),
      losses: 0,
      order: ++this.#lastCall,
    });
    this.#wake();
    return exchange.response;
  }

  /** Makes sure that one more call may wait. */
  #admit(action: string): void {
    const { options } = this.#deps;
    // One at least counts as served, also while the instance for it is being made.
    const waiting = this.pending - Math.max(1, this.#live);
    if (waiting >= options.limits.queue) {
      this.#breaches.add("queue");
      throw new PetioleError("ERR_COMPONENT_BUSY", `Cannot ${action}: ${waiting} calls are waiting already`);
    }
  }

  /** Calls waiting or running. */
  get pending(): number {
    return this.#groups.reduce((sum, group) => sum + group.pending, this.#queue.length);
  }

  stats(): RunningStats {
    const sum = (of: (group: InstanceGroup) => number): number =>
      this.#groups.reduce((total, group) => total + of(group), 0);
    return {
      calls: this.#calls,
      failures: this.#failures,
      restarts: this.#restarts,
      pending: this.pending,
      instances: sum((group) => group.live),
      memory: sum((group) => group.memory),
      reserved: sum((group) => group.size) * this.#deps.reservation,
      cpuTime: this.#computed,
      recycled: this.#recycled,
      breaches: this.#breaches.counts,
      degraded: this.#degraded,
    };
  }

  /** Another configuration for the instances there are, and those to come. */
  configure(config: GuestSetup["config"]): void {
    this.#config = config;
    for (const group of this.#groups) group.configure(config);
  }

  /** V8's code cache of the glue, with what it compiled by now; undefined when there is none. */
  async codeCache(): Promise<Uint8Array | undefined> {
    const group = this.#groups.find(({ live }) => live > 0);
    return group?.codeCache();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const error = this.#stopped();
    this.#stop.abort(error);
    this.#firstStart?.reject(error);
    const closed = this.#groups.map((group) => group.close(error));
    for (const call of this.#queue.splice(0)) call.reject(error);
    await Promise.all(closed);
  }

  started(): void {
    this.#starting--;
    this.#firstStart?.resolve();
    this.#firstStart = undefined;
    this.#wake();
  }

  startFailed(failure: TurnFailure): void {
    this.#starting--;
    this.#gone.failed++;
    this.#failStart(failure);
    this.#wake();
  }

  kept(): void {
    this.#wake();
  }

  spent(computed: number): void {
    this.#computed += computed;
    this.#cpu.charge(computed, this.#deps.clock.monotonic());
  }

  ended(call: Call, outcome: CallOutcome, computed: number): void {
    this.#calls++;
    this.spent(computed);
    if (outcome.kind === "failed") {
      this.#failures++;
      this.#count(outcome.failure);
      call.reject(outcome.failure.error);
    } else {
      this.#averageComputed += (computed - this.#averageComputed) * AVERAGE_WEIGHT;
      this.#failuresInRow = 0;
      this.#recover();
      if (outcome.kind === "value") call.resolve(outcome.value);
      else call.reject(outcome.error);
    }
    this.#wake();
  }

  unstarted(calls: readonly Call[]): void {
    this.#putBack(calls);
    this.#wake();
  }

  retired(reason: RetireReason): void {
    if (reason === "failed" || reason === "expired") this.#gone.failed++;
    else if (reason !== "exited") {
      this.#gone.recycled++;
      this.#deps.options.onEvent({ kind: "recycled", reason });
      if (this.#size === 0) this.#grow();
    }
    this.#wake();
  }

  reached(limit: LimitName, count: number): void {
    this.#breaches.add(limit, count);
  }

  lost(group: InstanceGroup, loss: GroupLoss): void {
    const { cause, guilty, suspect, starting, startFailure, begun, unstarted } = loss;
    this.#groups = this.#groups.filter((one) => one !== group);
    this.#starting -= starting;
    this.#gone.failed++;
    const { retried, given } = this.#retry(cause, unstarted);
    this.#putBack(retried);
    for (const { call, failure } of [...begun, ...given]) this.ended(call, { kind: "failed", failure }, 0);
    // It may break every time that an instance is made, so the next one has to wait.
    if (suspect) this.#countInRow("its worker failed");
    if (startFailure !== undefined) this.#failStart(startFailure);
    // Whoever is to blame, and whoever was there when a worker broke by itself, waits for the next call.
    else if (!guilty && !suspect && this.#size === 0 && !this.#grow()) {
      this.#firstStart?.reject(this.#noRoom());
    }
    this.#wake();
  }

  /** What was sent last may come back last, when what was sent before it is here already. */
  #putBack(calls: readonly Call[]): void {
    if (calls.length > 0) this.#queue = [...calls, ...this.#queue].toSorted((a, b) => a.order - b.order);
  }

  /** An instance cannot be made: so fails who waits for the first one, or the call that needed it. */
  #failStart(failure: TurnFailure): void {
    if (this.#firstStart !== undefined) {
      this.#count(failure);
      this.#firstStart.reject(failure.error);
      this.#firstStart = undefined;
      return;
    }
    const [call] = this.#size === 0 ? this.#queue.splice(0, 1) : [];
    if (call === undefined) this.#count(failure);
    else this.ended(call, { kind: "failed", failure }, 0);
  }

  /** A worker that breaks by itself may do so every time, and so may one that a call fills before it begins. */
  #retry(cause: GroupLoss["cause"], calls: readonly Call[]): { retried: Call[]; given: GroupLoss["begun"] } {
    const retried: Call[] = [];
    const given: { call: Call; failure: TurnFailure }[] = [];
    for (const call of calls) {
      if (cause !== "replaced") call.losses++;
      if (call.losses < MAX_LOSSES) retried.push(call);
      else {
        const message = `Cannot ${call.action}: its worker failed again and again`;
        given.push({ call, failure: { error: new PetioleError("ERR_COMPONENT_STOPPED", message) } });
      }
    }
    return { retried, given };
  }

  /** Instances, also those that start or end. */
  get #size(): number {
    return this.#groups.reduce((sum, group) => sum + group.size, 0);
  }

  /** Instances that can take turns. */
  get #live(): number {
    return this.#groups.reduce((sum, group) => sum + group.live, 0);
  }

  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    // What else this tick brings is known by then.
    queueMicrotask(() => {
      this.#waking = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#stop.signal.aborted) return;
    while (this.#queue.length > 0 && !this.#overShare()) {
      const group = this.#roomiest();
      if (group === undefined) return;
      const call = this.#queue.shift();
      if (call !== undefined) group.send(call);
    }
  }

  /** The group that is to have the next call. Undefined when calls have to wait. */
  #roomiest(): InstanceGroup | undefined {
    const { limits } = this.#deps.options;
    let best: InstanceGroup | undefined;
    for (const group of this.#groups) {
      if (group.live > 0 && (best === undefined || room(group) > room(best))) best = group;
    }
    if (best !== undefined && room(best) > 0) return best;
    // Those that are being ended count as well: they may have got past what they were to be ended for.
    const more = limits.instances - (this.#size - this.#starting);
    while (this.#starting < Math.min(more, this.#queue.length) && this.#grow());
    // With those that start, calls have whom to wait for.
    if (this.#starting > 0) return undefined;
    if (best === undefined) {
      if (this.#size === 0 && !this.#asleep.restart) this.#refuse();
      return undefined;
    }
    const depth = limits.cpu < 1 ? 1 : Math.min(MAX_AHEAD, Math.max(1, AHEAD_COMPUTING / this.#averageComputed));
    return -room(best) < depth ? best : undefined;
  }

  /** Makes an instance. False when that has to wait, or there is no room for it. */
  #grow(): boolean {
    const { addressSpace, clock, nextNumber, reservation } = this.#deps;
    const wait = this.#restartAt - clock.monotonic();
    if (wait > 0) {
      this.#sleep("restart", millis(wait));
      if (wait > LONGEST_PAUSE && this.#size === 0) this.#shed(wait);
      return false;
    }
    const reserved = addressSpace.reserve(reservation);
    if (reserved === undefined) return false;
    if (!this.#emptiest().start(nextNumber(), reserved)) {
      reserved[Symbol.dispose]();
      return false;
    }
    this.#starting++;
    if (this.#gone.failed > 0) {
      this.#gone.failed--;
      this.#restarts++;
    } else if (this.#gone.recycled > 0) {
      this.#gone.recycled--;
      this.#recycled++;
    }
    return true;
  }

  /** The group with the fewest instances; one in a worker that has none yet is made. */
  #emptiest(): InstanceGroup {
    const { clock, log, nextNumber, options, setup, slots } = this.#deps;
    const unused = slots.filter((slot) => !this.#groups.some((group) => group.slot === slot));
    const [slot] = unused.toSorted((a, b) => a.tenants - b.tenants);
    const [first, ...rest] = this.#groups;
    if (slot === undefined && first !== undefined) return rest.reduce((a, b) => (b.size < a.size ? b : a), first);
    if (slot === undefined) throw new PetioleError("ERR_INVARIANT", `Component "${setup.id}" has no worker`);
    const group = new InstanceGroup({
      number: nextNumber(),
      slot,
      setup: { ...setup, config: this.#config },
      log,
      limits: options.limits,
      imports: this.#imports,
      owner: this,
      now: () => Number(clock.nanoseconds() / 1000n) / 1000,
    });
    this.#groups.push(group);
    return group;
  }

  /** Each failure ends one call, so that the last of many would wait for as many pauses. */
  #shed(wait: number): void {
    for (const call of this.#queue.splice(1)) {
      this.#breaches.add("queue");
      const message = `Cannot ${call.action}: it failed again and again, and one call waits already for the instance that is made in ${Math.ceil(wait)} ms`;
      call.reject(new PetioleError("ERR_COMPONENT_BUSY", message));
    }
  }

  #refuse(): void {
    const [call] = this.#queue.splice(0, 1);
    if (call === undefined) return;
    this.ended(call, { kind: "failed", failure: { error: this.#noRoom() } }, 0);
  }

  #overShare(): boolean {
    const wait = this.#cpu.wait(this.#deps.clock.monotonic());
    if (wait <= 0) return false;
    if (!this.#asleep.cpu) this.#breaches.add("cpu");
    this.#sleep("cpu", wait);
    return true;
  }

  #sleep(why: "cpu" | "restart", duration: Millis): void {
    if (this.#asleep[why]) return;
    this.#asleep[why] = true;
    this.#deps.clock.sleep(duration, this.#stop.signal).then(
      () => {
        this.#asleep[why] = false;
        this.#wake();
      },
      () => {}, // The component was stopped, and with it every call that waits.
    );
  }

  #count({ error, limit, blameless }: TurnFailure): void {
    if (limit !== undefined) this.#breaches.add(limit);
    // A worker lost to another component says nothing about this one.
    if (error.code === "ERR_COMPONENT_STOPPED" || error.code === "ERR_ADDRESS_SPACE") return;
    // Nor does an answer that is no good say anything about the instance, which clients could otherwise wear out.
    if (error.code === "ERR_COMPONENT_RESPONSE" || blameless === true) return;
    this.#countInRow(error.message);
  }

  #countInRow(reason: string): void {
    this.#failuresInRow++;
    const attempt = this.#failuresInRow - PROMPT_RESTARTS - 1;
    if (attempt < 0) return;
    this.#restartAt = this.#deps.clock.monotonic() + backoffDelay(attempt, this.#deps.restarts);
    if (this.#degraded) return;
    this.#degraded = true;
    const { onEvent } = this.#deps.options;
    onEvent({ kind: "degraded", failures: this.#failuresInRow, lastError: reason });
  }

  #recover(): void {
    if (!this.#degraded) return;
    this.#degraded = false;
    this.#restartAt = 0;
    this.#deps.options.onEvent({ kind: "recovered" });
  }

  #checkArguments<T>(check: () => T): T {
    try {
      return check();
    } catch (error) {
      if (error instanceof PetioleError && error.code === "ERR_COMPONENT_MEMORY") this.#breaches.add("memory");
      throw error;
    }
  }

  #noRoom(): PetioleError {
    const { addressSpace, reservation, setup } = this.#deps;
    return new PetioleError(
      "ERR_ADDRESS_SPACE",
      `Cannot make an instance of component "${setup.id}": it reserves ${reservation} bytes of address space, and ${addressSpace.reserved} of ${addressSpace.budget} are taken`,
    );
  }

  #stopped(): PetioleError {
    return new PetioleError("ERR_COMPONENT_STOPPED", `Component "${this.#deps.setup.id}" was stopped`);
  }
}

/** Instances that are free; below 0 when turns wait in the worker. */
function room(group: InstanceGroup): number {
  return group.live - group.pending;
}

export const RESTART_BACKOFF: BackoffOptions = { initial: millis(100), max: millis(30_000) };
