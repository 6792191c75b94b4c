// One instance of a component in the worker.

import vm from "node:vm";
import { unversioned } from "../../domain/wit-name.ts";
import type { LogLevel } from "../../lib/log.ts";
import type { Instantiate } from "../prepare/glue.ts";
import { GuestExit, type GuestLogLevel, type OutputName } from "../wasi/host.ts";
import { createWasi, type Wasi } from "../wasi/index.ts";
import { isBuiltin } from "../wasi/names.ts";
import { RateLimit } from "../wasi/rate-limit.ts";
import { camelCase, parseFunctionName, pascalCase } from "../wit/names.ts";
import type { FunctionType, InterfaceShape } from "../wit/type.ts";
import { convertValue, type ConvertOptions } from "../wit/value.ts";
import { ImportFailed, LinkedImports } from "./linked-imports.ts";
import type { FromWorker, GuestFailure, GuestSetup, ImportOutcome } from "./protocol.ts";
import type { TurnMarker } from "./turns.ts";

/** Lines and log entries of one instance. */
const LOG_RATE = { burst: 200, perSecond: 50 };
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

// Resources that a component defines itself stay inside it: no provider could hold or drop them.
const NO_HANDLES: ConvertOptions = {
  handle: (resource) => {
    throw new TypeError(`A "${resource.name}" cannot leave the component`);
  },
};

export interface GuestDeps {
  readonly setup: GuestSetup;
  readonly turns: TurnMarker;
  readonly post: (message: FromWorker) => void;
}

export class Guest {
  readonly #deps: GuestDeps;
  readonly #wasi: Wasi;
  readonly #memories = new Set<WebAssembly.Memory>();
  readonly #requests = new Map<number, (outcome: ImportOutcome) => void>();
  /** Each takes back what the guest waits for. */
  readonly #waits = new Set<() => void>();
  readonly #logLimit = new RateLimit(LOG_RATE);
  #exports: Readonly<Record<string, unknown>> = {};
  #turn = 0;
  #lastRequest = 0;
  #dropped = false;

  constructor(deps: GuestDeps) {
    this.#deps = deps;
    const { id, env, config, grants, memory } = deps.setup;
    this.#wasi = createWasi({
      id,
      env,
      config,
      maxRandomBytes: memory,
      print: (stream, line) => this.#print(stream, line),
      log: (level, context, message) =>
        this.#log(LOG_LEVELS[level], "Component logged", { context: cut(context), text: cut(message) }),
      grants,
      suspend: (arm) => this.#suspend(arm),
    });
  }

  async start(turn: number): Promise<void> {
    await this.#run(turn, async () => {
      const { setup } = this.#deps;
      const script = new vm.Script(setup.glue.script, { filename: `petiole-component:${setup.id}` });
      const instantiate = script.runInThisContext() as Instantiate; // What prepare/glue.ts makes evaluates to it.
      const modules = setup.modules;
      this.#exports = await instantiate(
        (name) => found(modules.get(name), `core module "${name}"`),
        this.#imports(),
        (module, imports) => this.#instantiateCore(module, imports),
      );
      return { type: "started", instance: setup.instance };
    });
  }

  async call(turn: number, interfaceName: string, functionName: string, args: readonly unknown[]): Promise<void> {
    await this.#run(turn, async () => {
      const { setup } = this.#deps;
      const shape = setup.exports.find((one) => one.name === interfaceName);
      const type = shape?.functions.find((one) => one.name === functionName)?.type;
      const exported = found(this.#exports[interfaceName], `export "${interfaceName}"`);
      const fn = Reflect.get(Object(exported) as object, camelCase(functionName)) as unknown;
      if (type === undefined || typeof fn !== "function") throw new Unserved(`"${functionName}" cannot be called`);
      const returned: unknown = await Promise.resolve(Reflect.apply(fn, exported, args)).catch((error: unknown) => {
        throw isReturnedErr(error) ? new ReturnedErr(convertErr(type, error.payload)) : error;
      });
      const result = type.result?.kind === "result" ? type.result.ok : type.result;
      const value = result === undefined ? undefined : convertValue(result, returned, NO_HANDLES);
      return { type: "returned", instance: setup.instance, turn, value };
    });
  }

  reply(request: number, outcome: ImportOutcome): void {
    const resolve = this.#requests.get(request);
    this.#requests.delete(request);
    if (resolve === undefined || this.#dropped) return;
    this.#deps.turns.resume(this.#turn);
    resolve(outcome);
  }

  /** From here on nothing of it is heard any more; what waits never goes on and is collected. */
  drop(): void {
    this.#dropped = true;
    this.#requests.clear();
    for (const cancel of this.#waits) cancel();
    this.#waits.clear();
    this.#wasi[Symbol.dispose]();
  }

  async #run(turn: number, body: () => Promise<FromWorker>): Promise<void> {
    const { setup, turns } = this.#deps;
    this.#turn = turn;
    turns.begin(setup.starts, turn);
    let message: FromWorker;
    try {
      message = await body();
    } catch (error) {
      message = { type: "failed", instance: setup.instance, turn, failure: this.#failure(error) };
    }
    turns.suspend();
    this.#wasi.flush();
    this.#turn = 0;
    if (!this.#dropped) this.#deps.post(message);
  }

  #failure(error: unknown): GuestFailure {
    if (error instanceof GuestExit) return { kind: "exit", status: error.status };
    if (error instanceof ImportFailed) return { kind: "import" };
    if (error instanceof Unserved) return { kind: "unserved", reason: error.message };
    if (error instanceof ReturnedErr) return { kind: "err", payload: error.payload };
    const memory = [...this.#memories].reduce((max, { buffer }) => Math.max(max, buffer.byteLength), 0);
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: "trap", reason: reason.slice(0, MAX_REASON), memory };
  }

  #imports(): Readonly<Record<string, unknown>> {
    const linked = new LinkedImports((interfaceName, functionName, args) =>
      this.#import(interfaceName, functionName, args),
    );
    return Object.fromEntries(
      this.#deps.setup.imports.map((shape) => [
        shape.name,
        isBuiltin(shape.name) ? this.#builtin(shape) : linked.object(shape),
      ]),
    );
  }

  /** Checks that what the component asks of a built-in interface is there, so that the reason is known when it is not. */
  #builtin(shape: InterfaceShape): Readonly<Record<string, unknown>> {
    const members = found(this.#wasi.interfaces[unversioned(shape.name)], `"${shape.name}"`);
    for (const { name } of shape.functions) {
      const parsed = parseFunctionName(name);
      const owner = parsed.kind === "function" ? members : members[pascalCase(parsed.resource)];
      const has =
        typeof owner === "object" || typeof owner === "function"
          ? parsed.kind === "constructor" ||
            camelCase(parsed.name) in Object(parsed.kind === "method" ? Reflect.get(Object(owner), "prototype") : owner)
          : false;
      if (!has) throw new Unserved(`it imports "${name}" of "${shape.name}", which petiole does not have`);
    }
    return members;
  }

  #instantiateCore(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance {
    const instance = new WebAssembly.Instance(module, imports);
    for (const exported of Object.values(instance.exports)) {
      if (exported instanceof WebAssembly.Memory) this.#memories.add(exported);
    }
    return instance;
  }

  #import(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<ImportOutcome> {
    const { setup, post, turns } = this.#deps;
    const request = ++this.#lastRequest;
    const outcome = new Promise<ImportOutcome>((resolve) => this.#requests.set(request, resolve));
    if (!this.#dropped) {
      post({ type: "import", instance: setup.instance, request, interfaceName, functionName, args });
    }
    turns.suspend();
    return outcome;
  }

  #suspend(arm: (resume: () => void) => () => void): Promise<void> {
    const { turns } = this.#deps;
    const turn = this.#turn;
    turns.suspend();
    return new Promise((resolve) => {
      const cancel = arm(() => {
        this.#waits.delete(cancel);
        turns.resume(turn);
        resolve();
      });
      this.#waits.add(cancel);
    });
  }

  #print(stream: OutputName, line: string): void {
    this.#log(stream === "stderr" ? "warn" : "info", "Component printed", { stream, text: line });
  }

  #log(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
    const suppressed = this.#logLimit.take(performance.now());
    if (suppressed === undefined || this.#dropped) return;
    const { setup, post } = this.#deps;
    const all = suppressed === 0 ? fields : { ...fields, suppressed };
    post({ type: "log", instance: setup.instance, level, message, fields: all });
  }
}

/** The `err` case of a function's result. */
class ReturnedErr extends Error {
  override readonly name = "ReturnedErr";
  readonly payload: unknown;

  constructor(payload: unknown) {
    super("err");
    this.payload = payload;
  }
}

/** The glue's own class is out of reach; it is the only one that it gives a payload. */
function isReturnedErr(error: unknown): error is Error & { readonly payload: unknown } {
  return error instanceof Error && error.constructor.name === "ComponentError" && "payload" in error;
}

function convertErr({ result }: FunctionType, payload: unknown): unknown {
  if (result?.kind !== "result" || result.err === undefined) return undefined;
  return convertValue(result.err, payload, NO_HANDLES);
}

class Unserved extends Error {
  override readonly name = "Unserved";
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Unserved(`it has no ${what}`);
  return value;
}

function cut(text: string): string {
  return text.length > MAX_LOG_TEXT ? `${text.slice(0, MAX_LOG_TEXT)}…` : text;
}
