// One instance of a component in the worker.

import type { LogLevel } from "../../lib/log.ts";
import { millis } from "../../domain/units.ts";
import { TooLarge } from "../link/abi-errors.ts";
import type { EgressPermit, EgressRequest } from "../../lib/http-egress.ts";
import { GuestExit, type GuestLogLevel, type OutputName } from "../wasi/host.ts";
import { HttpFault, type ErrorCode } from "../wasi/http/error-code.ts";
import type { Exchange } from "../wasi/http/exchange.ts";
import type { Http } from "../wasi/http/index.ts";
import type { ExchangeInput } from "../wasi/http/messages.ts";
import { createWasi, type Wasi } from "../wasi/index.ts";
import { parseNetworkGrants } from "../wasi/network-grants.ts";
import type { StreamInput } from "../stream-messages.ts";
import { planRecycling } from "../recycling.ts";
import type { Recycling } from "../../domain/workload.ts";
import { NO_TURN, STARTING } from "./cells.ts";
import { ImportFailed, Unserved, type GuestCode } from "./guest-code.ts";
import type { Group } from "./group.ts";
import { instantiateJco } from "./jco-guest.ts";
import { instantiateLinked } from "./linked-guest.ts";
import type { EgressAnswer, GuestFailure, ImportOutcome, TurnBody } from "./protocol.ts";
import { RemoteStreams } from "./remote-streams.ts";
import type { Runnable, Scheduler } from "./scheduler.ts";
import { reasonOf } from "../../lib/reason.ts";
import { unversioned } from "../../domain/wit-name.ts";
import type { Resource, WitType } from "../../lib/wit/type.ts";
import { convertValue } from "../../lib/wit/value.ts";

const MAX_LOG_TEXT = 4096;
const MAX_REASON = 500;

const LOG_LEVELS = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warn",
  error: "error",
  critical: "error",
} as const satisfies Record<GuestLogLevel, LogLevel>;

export interface GuestDeps {
  readonly group: Group;
  readonly instance: number;
  readonly place: number;
  readonly scheduler: Scheduler;
  /** Milliseconds of the monotonic clock. */
  readonly clock: () => number;
  /** The instance that runs. */
  readonly current: Int32Array;
}

interface Waiter {
  settle(outcome: ImportOutcome): void;
  fail(error: unknown): void;
}

/**
 * An instance serves one turn after another. After a trap, an exit or a failed import its frames were unwound, and it
 * takes no further turn.
 */
export class Guest implements Runnable {
  readonly #deps: GuestDeps;
  readonly #wasi: Wasi;
  readonly #memories = new Set<WebAssembly.Memory>();
  readonly #requests = new Map<number, Waiter>();
  readonly #egress = new Map<number, (answer: EgressAnswer) => void>();
  /** Each takes back what the guest waits for, and fails the wait. */
  readonly #waits = new Set<() => void>();
  readonly #madeAt: number;
  #http: Http | undefined;
  #streams: RemoteStreams | undefined;
  /** The request that the turn serves. */
  #exchange: Exchange | undefined;
  #code: GuestCode | undefined;
  #turn = STARTING;
  #body: TurnBody | undefined;
  #lastRequest = 0;
  #calls = 0;
  #memory = 0;
  #computed = 0;
  #enteredAt = 0;
  #running = false;
  #holdsStack = false;
  #dropped = false;
  #spoilt = false;

  constructor(deps: GuestDeps) {
    this.#deps = deps;
    this.#madeAt = deps.clock();
    const { group } = deps;
    const { id, env, grants, memory } = group.setup;
    this.#wasi = createWasi({
      id,
      env,
      config: () => group.config,
      maxRandomBytes: memory,
      print: (stream, line) => this.#print(stream, line),
      log: (level, context, message) =>
        this.#log(LOG_LEVELS[level], "Component logged", { context: cut(context), text: cut(message) }),
      grants,
      suspend: (arm) => this.#suspend(arm),
    });
  }

  get instance(): number {
    return this.#deps.instance;
  }

  get source(): Group {
    return this.#deps.group;
  }

  get place(): number {
    return this.#deps.place;
  }

  /** NO_TURN between turns. */
  get turn(): number {
    return this.#turn;
  }

  /** Bytes of linear memory. */
  get memory(): number {
    return this.#memory;
  }

  /** Milliseconds that its code ran in this turn, or in the last one. */
  get computed(): number {
    return this.#computed;
  }

  get dropped(): boolean {
    return this.#dropped;
  }

  /** Why it should take no further turn although it works. */
  get recycling(): keyof Recycling | undefined {
    const { clock, group } = this.#deps;
    const age = millis(clock() - this.#madeAt);
    return planRecycling({ calls: this.#calls, age, memory: this.#memory }, group.setup.recycling);
  }

  assign(turn: number, body: TurnBody): void {
    this.#turn = turn;
    this.#body = body;
  }

  /** Its code begins to run, or goes on. */
  enter(): void {
    const { clock, current, instance } = this.#deps;
    this.#running = true;
    this.#enteredAt = clock();
    Atomics.store(current, 0, instance);
  }

  /** Its code waits, or has ended. */
  leave(): void {
    if (!this.#running) return;
    const { clock, current } = this.#deps;
    this.#running = false;
    this.#computed += clock() - this.#enteredAt;
    Atomics.store(current, 0, 0);
  }

  /** Begins the turn that it was given; at first that is its own start. */
  run(): void {
    const { group, place } = this.#deps;
    this.#holdsStack = true;
    group.cells.begin(place, this.#turn, this.#enteredAt);
    this.#computed = 0;
    let result: unknown;
    try {
      result = this.#turn === STARTING ? this.#start() : this.#execute();
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (result instanceof Promise) {
      result.then(
        (value) => this.#returned(value),
        (error: unknown) => this.#failed(error),
      );
    } else this.#returned(result);
  }

  input(input: ExchangeInput): void {
    this.#exchange?.onInput(input);
  }

  reply(request: number, outcome: ImportOutcome): void {
    const waiter = this.#requests.get(request);
    this.#requests.delete(request);
    if (waiter === undefined || this.#dropped) return;
    // A guest that catches what is thrown through it goes on after an import failed; its state is not to be trusted.
    if (outcome.kind === "failed") this.#spoilt = true;
    this.#deps.scheduler.resume(this, () => waiter.settle(outcome));
  }

  onStream(stream: number, input: StreamInput): void {
    if (!this.#dropped) this.#streams?.onInput(stream, input);
  }

  onEgress(request: number, answer: EgressAnswer): void {
    this.#egress.get(request)?.(answer);
    this.#egress.delete(request);
  }

  /** From here on nothing of it is heard any more. What it waits for fails, which gives its stack back. */
  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    const waiters = [...this.#requests.values()];
    const waits = [...this.#waits];
    this.#requests.clear();
    this.#waits.clear();
    this.#egress.clear();
    if (waiters.length + waits.length === 0) return;
    this.#deps.scheduler.resume(this, () => {
      for (const waiter of waiters) waiter.fail(new ImportFailed("the instance was dropped"));
      for (const cancel of waits) cancel();
    });
  }

  /** Called once when it was dropped and none of its code is running. */
  [Symbol.dispose](): void {
    this.#wasi[Symbol.dispose]();
    this.#http?.[Symbol.dispose]();
    if (!this.#holdsStack) return;
    this.#holdsStack = false;
    this.#deps.scheduler.abandoned(this);
  }

  async #start(): Promise<void> {
    const { group } = this.#deps;
    const { setup, exports, imports } = group;
    if (imports.some(({ interfaceId }) => interfaceId.startsWith("wasi:http/"))) this.#http = await this.#loadHttp();
    const parts = {
      setup,
      exports,
      imports,
      script: group.script(),
      builtins: { ...this.#wasi.interfaces, ...this.#http?.interfaces },
      callImport: <T>(target: number, args: readonly unknown[], read: (outcome: ImportOutcome) => T) =>
        this.#import(target, args, read),
      streamsOf: (type: WitType | undefined) => this.#streamsOf(type),
      stream: (resource: Resource, value: unknown) => this.#stream(resource, value),
      dropped: (interfaceName: string, resource: string, value: unknown) =>
        this.#onDropped(interfaceName, resource, value),
      instantiateCore: (module: WebAssembly.Module, given: WebAssembly.Imports) => this.#instantiateCore(module, given),
    };
    this.#code = setup.glue.kind === "linked" ? instantiateLinked(parts) : await instantiateJco(parts);
  }

  #streamsOf(type: WitType | undefined): ((value: unknown) => unknown) | undefined {
    if (type === undefined || !this.#deps.group.streams.isIn(type)) return undefined;
    const handle = (resource: Resource, value: unknown): unknown => this.#stream(resource, value) ?? value;
    return (value) => convertValue(type, value, { handle });
  }

  /** `value` is the number that the main thread has given to a stream. */
  #stream(resource: Resource, value: unknown): object | undefined {
    const { group, instance } = this.#deps;
    const kind = group.streams.kindOf(resource);
    if (kind === undefined) return undefined;
    this.#streams ??= new RemoteStreams(
      (arm) => this.#suspend(arm),
      (stream, said) => group.post(["stream", group.number, instance, stream, said]),
    );
    return kind === "input" ? this.#streams.input(Number(value)) : this.#streams.output(Number(value));
  }

  #onDropped(interfaceName: string, resource: string, value: unknown): void {
    const { group, instance } = this.#deps;
    const id = unversioned(interfaceName);
    const told = [...group.streams.owners].some(([one, owner]) => one.name === resource && owner === id);
    if (told && !this.#dropped) group.post(["dropped", group.number, instance, id, resource, value]);
  }

  /** Most components have no use for it. */
  async #loadHttp(): Promise<Http> {
    const { asksEgress, grants } = this.#deps.group.setup;
    const loading = import("../wasi/http/index.ts");
    await this.#suspend((resume) => {
      void loading.then(resume, resume);
      return () => {};
    });
    const { createHttp } = await loading;
    return createHttp({
      suspend: (arm) => this.#suspend(arm),
      grants: parseNetworkGrants(grants.network),
      ask: asksEgress ? (asked) => this.#askEgress(asked) : undefined,
    });
  }

  async #askEgress(asked: EgressRequest): Promise<EgressPermit | undefined> {
    const { group, instance } = this.#deps;
    const request = ++this.#lastRequest;
    group.post(["egress", group.number, instance, request, asked]);
    const answer = await new Promise<EgressAnswer>((resolve) => this.#egress.set(request, resolve));
    if (answer.kind === "refused") throw new HttpFault(answer.code as ErrorCode); // What providers throw for this function.
    return answer.permit;
  }

  #execute(): unknown {
    const body = this.#body as TurnBody; // Set together with the turn.
    const code = this.#code as GuestCode; // An instance that has started has code.
    if (body[0] === "call") return code.call(body[1], body[2]);
    if (this.#http === undefined) throw new Unserved("it does not import wasi:http/types, which its handler needs");
    const { group } = this.#deps;
    const turn = this.#turn;
    const exchange = this.#http.exchange(body[2], (output) => group.post(["http", group.number, turn, output]));
    this.#exchange = exchange;
    return code.call(body[1], [exchange.request, exchange.outparam]);
  }

  #returned(value: unknown): void {
    const { group, instance } = this.#deps;
    const turn = this.#turn;
    const exchange = this.#exchange;
    this.#end();
    if (this.#dropped) return;
    if (turn === STARTING) group.post(["started", group.number, instance, this.#memory, this.#computed]);
    else {
      const target = this.#body?.[1] ?? 0;
      this.#calls++;
      if (exchange !== undefined) group.post(["returned", group.number, turn, exchange.finish(), this.#computed]);
      else if (group.exports[target]?.type?.result?.kind !== "result") {
        group.post(["returned", group.number, turn, value, this.#computed]);
      } else {
        const { tag, val } = value as { readonly tag: "ok" | "err"; readonly val: unknown }; // See GuestCode.call().
        if (tag === "ok") group.post(["returned", group.number, turn, val, this.#computed]);
        else group.post(["failed", group.number, turn, { kind: "err", payload: val }, this.#computed]);
      }
    }
    group.free(this, this.#spoilt ? "failed" : this.recycling);
  }

  #failed(error: unknown): void {
    const { group, instance } = this.#deps;
    const turn = this.#turn;
    const target = this.#body?.[1] ?? 0;
    this.#end();
    if (this.#dropped) return;
    if (turn !== STARTING && isGoodEnd(error, group.exports[target]?.interfaceId)) {
      group.post(["returned", group.number, turn, undefined, this.#computed]);
      group.free(this, "exited");
      return;
    }
    const failure = this.#failure(error);
    if (turn === STARTING) group.post(["start-failed", group.number, instance, failure, this.#computed]);
    else group.post(["failed", group.number, turn, failure, this.#computed]);
    group.free(this, "failed");
  }

  #end(): void {
    const { group, place, scheduler } = this.#deps;
    scheduler.ended(this, this.#holdsStack);
    this.#holdsStack = false;
    this.#turn = NO_TURN;
    this.#exchange = undefined;
    this.#wasi.flush();
    this.#measure();
    if (!this.#dropped) group.cells.end(place);
    group.reportHeldBack();
  }

  #measure(): void {
    let bytes = 0;
    for (const memory of this.#memories) bytes += memory.buffer.byteLength;
    if (bytes === this.#memory) return;
    const { group, instance } = this.#deps;
    this.#memory = bytes;
    if (this.#code !== undefined && !this.#dropped) group.post(["memory", group.number, instance, bytes]);
  }

  #failure(error: unknown): GuestFailure {
    if (error instanceof GuestExit) return { kind: "exit", status: error.status };
    if (error instanceof ImportFailed) return { kind: "import" };
    if (error instanceof TooLarge) return { kind: "too-large", reason: error.message };
    if (error instanceof Unserved) return { kind: "unserved", reason: error.message };
    const memory = [...this.#memories].reduce((max, { buffer }) => Math.max(max, buffer.byteLength), 0);
    const reason = reasonOf(error);
    const stack = error instanceof RangeError && error.message === "Maximum call stack size exceeded";
    return { kind: "trap", reason: reason.slice(0, MAX_REASON), memory, stack };
  }

  #instantiateCore(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
    const instance = new WebAssembly.Instance(module, imports);
    for (const exported of Object.values(instance.exports)) {
      if (exported instanceof WebAssembly.Memory) this.#memories.add(exported);
    }
    return instance;
  }

  #import<T>(target: number, args: readonly unknown[], read: (outcome: ImportOutcome) => T): Promise<T> {
    const { group, instance, scheduler } = this.#deps;
    if (this.#dropped) throw new ImportFailed("the instance was dropped");
    const request = ++this.#lastRequest;
    const turn = this.#turn === STARTING ? NO_TURN : this.#turn;
    this.#exchange?.release();
    group.post(["import", group.number, turn, instance, request, target, args]);
    const answer = new Promise<T>((resolve, fail) => {
      const settle = (outcome: ImportOutcome): void => {
        try {
          resolve(read(outcome));
        } catch (error) {
          fail(error);
        }
      };
      this.#requests.set(request, { settle, fail });
    });
    scheduler.suspended(this);
    return answer;
  }

  #suspend(arm: (resume: () => void) => () => void): Promise<void> {
    const { scheduler } = this.#deps;
    if (this.#dropped) throw new ImportFailed("the instance was dropped");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = arm(() => {
      if (!this.#waits.delete(abandon) || this.#dropped) return;
      scheduler.resume(this, resolve);
    });
    const abandon = (): void => {
      cancel();
      reject(new ImportFailed("the instance was dropped"));
    };
    this.#waits.add(abandon);
    this.#exchange?.release();
    scheduler.suspended(this);
    return promise;
  }

  #print(stream: OutputName, line: string): void {
    this.#log(stream === "stderr" ? "warn" : "info", "Component printed", { stream, text: line });
  }

  #log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    if (!this.#dropped) this.#deps.group.log(level, message, fields);
  }
}

function cut(text: string): string {
  return text.length > MAX_LOG_TEXT ? `${text.slice(0, MAX_LOG_TEXT)}…` : text;
}

/** Programs of many languages end by `exit`, whatever their status: success is no failure of theirs. */
function isGoodEnd(error: unknown, interfaceId: string | undefined): boolean {
  return error instanceof GuestExit && error.status === 0 && interfaceId === "wasi:cli/run";
}
