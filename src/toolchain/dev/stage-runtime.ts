import { PetioleError, WitError, isPetioleError } from "../../domain/errors.ts";
import { unversioned } from "../../domain/wit-name.ts";
import type { HttpRequest, HttpResponse } from "../../lib/http-message.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { InstanceOptions, PreparedComponent, RunningComponent } from "../../runtime/contract.ts";
import type { ReleasingRuntime } from "../../runtime/runtime.ts";
import { describeArgs, describeResult } from "./describe-value.ts";
import type { Emit } from "./events.ts";
import type { GuestCode } from "./guest/code.ts";
import { CONTROL, SOURCE } from "./guest/loader.ts";

export interface StageDeps {
  readonly emit: Emit;
  /** What a component that is a loader is to run when it starts; undefined for any other. */
  readonly codeOf: (id: string) => GuestCode | undefined;
  /** Who is at the other end of a component's link for an interface, for people. */
  readonly partner: (id: string, interfaceName: string, direction: "imports" | "exports") => string;
}

/** A runtime whose components take other code while they run, and whose calls are told of. */
export interface Stage {
  around(runtime: ReleasingRuntime): ReleasingRuntime;
  /**
   * Has the component run other code from now on: calls that begin later get it, those that run end as they began. False
   * when the component does not run.
   * @throws PetioleError when the code does not start; what ran before goes on
   */
  swap(id: string, code: GuestCode): Promise<boolean>;
  /** Calls an export, for whoever plays. @throws as RunningComponent.call() */
  call(id: string, interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown>;
}

const DRAIN_PAUSE_MS = 5;
const DRAIN_LIMIT_MS = 10_000;

export function createStage({ emit, codeOf, partner }: StageDeps): Stage {
  const running = new Map<string, StagedComponent>();

  const prepared = (component: PreparedComponent): PreparedComponent => ({
    ...component,
    imports: component.imports.filter((name) => unversioned(name) !== SOURCE),
    exports: component.exports.filter((name) => unversioned(name) !== CONTROL),
  });

  return {
    around: (runtime) => ({
      builtin: runtime.builtin,
      prepare: async (file, signal, admit) => prepared(await runtime.prepare(file, signal, admit)),
      async start(component, options) {
        const code = codeOf(options.id);
        const traced: InstanceOptions = { ...options, onImport: tracedImports(options, emit, partner) };
        const open = async (
          text: GuestCode | undefined,
          config: InstanceOptions["config"],
        ): Promise<RunningComponent> => await startWith(runtime, component, { ...traced, config }, text);
        const staged = new StagedComponent({
          emit,
          partner,
          options,
          open,
          first: await open(code, options.config),
          code,
        });
        running.set(options.id, staged);
        staged.onEnd = () => {
          if (running.get(options.id) === staged) running.delete(options.id);
        };
        return staged;
      },
      warmUp: () => runtime.warmUp(),
      releaseMemory: () => runtime.releaseMemory(),
      [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
    }),

    async swap(id, code) {
      const staged = running.get(id);
      if (staged === undefined) return false;
      await staged.swap(code);
      return true;
    },

    async call(id, interfaceName, functionName, args) {
      const staged = running.get(id);
      if (staged === undefined)
        throw new PetioleError("ERR_COMPONENT_STOPPED", `Cannot call component "${id}": it does not run`);
      return await staged.call(interfaceName, functionName, args, "you");
    },
  };
}

/** @throws PetioleError also when the code does not run to its end */
async function startWith(
  runtime: ReleasingRuntime,
  component: PreparedComponent,
  options: InstanceOptions,
  code: GuestCode | undefined,
): Promise<RunningComponent> {
  if (code === undefined) return await runtime.start(component, options);
  const started = await runtime.start(component, {
    ...options,
    onImport: async (name, fn, args) => (name === SOURCE ? code.text : await options.onImport(name, fn, args)),
  });
  try {
    await started.call(CONTROL, "load", []);
    return started;
  } catch (cause) {
    await started[Symbol.asyncDispose]();
    if (!(cause instanceof WitError)) throw cause;
    const found = code.locate(String(cause.payload)).trimEnd();
    throw new PetioleError("ERR_COMPONENT_TRAP", `Cannot start component "${options.id}": ${found}`, { cause });
  }
}

const tracedImports =
  ({ id, onImport }: InstanceOptions, emit: Emit, partner: StageDeps["partner"]): InstanceOptions["onImport"] =>
  async (name, fn, args) => {
    const to = (): string => partner(id, name, "imports");
    return await traced(
      (end) =>
        emit({ kind: "import", component: id, to: to(), what: `${name}#${fn}`, args: describeArgs(args), ...end }),
      async () => await onImport(name, fn, args),
    );
  };

interface End {
  readonly took: number;
  readonly result: string | undefined;
  readonly error: string | undefined;
}

async function traced<T>(
  tell: (end: End) => void,
  work: () => Promise<T>,
  describe = describeResult as (value: T) => string | undefined,
): Promise<T> {
  const began = performance.now();
  try {
    const value = await work();
    tell({ took: performance.now() - began, result: describe(value), error: undefined });
    return value;
  } catch (error) {
    tell({ took: performance.now() - began, result: undefined, error: describeError(error) });
    throw error;
  }
}

function describeError(error: unknown): string {
  if (error instanceof WitError) return `err ${describeResult(error.payload) ?? ""}`.trimEnd();
  return isPetioleError(error) ? `${error.code}: ${error.message}` : reasonOf(error);
}

interface StagedDeps extends Pick<StageDeps, "emit" | "partner"> {
  readonly options: InstanceOptions;
  readonly open: (code: GuestCode | undefined, config: InstanceOptions["config"]) => Promise<RunningComponent>;
  readonly first: RunningComponent;
  readonly code: GuestCode | undefined;
}

class StagedComponent implements RunningComponent {
  onEnd: () => void = () => {};
  readonly #deps: StagedDeps;
  readonly #leaving = new Set<Promise<void>>();
  #config: InstanceOptions["config"];
  #now: RunningComponent;
  #code: GuestCode | undefined;

  constructor(deps: StagedDeps) {
    this.#deps = deps;
    this.#config = deps.options.config;
    this.#now = deps.first;
    this.#code = deps.code;
  }

  async swap(code: GuestCode): Promise<void> {
    const before = this.#now;
    this.#now = await this.#deps.open(code, this.#config);
    this.#code = code;
    const left = leave(before).finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }

  async call(interfaceName: string, functionName: string, args: readonly unknown[], by?: string): Promise<unknown> {
    const { emit, options, partner } = this.#deps;
    const from = by ?? partner(options.id, interfaceName, "exports");
    const what = `${interfaceName}#${functionName}`;
    return await traced(
      (end) =>
        emit({ kind: "call", from, component: options.id, what, args: describeArgs(args), ...this.#located(end) }),
      async () => await this.#now.call(interfaceName, functionName, args),
    );
  }

  async http(request: HttpRequest): Promise<HttpResponse> {
    const { emit, options, partner } = this.#deps;
    const from = partner(options.id, "wasi:http/incoming-handler", "exports");
    const what = `${request.method} ${request.pathWithQuery ?? "/"}`;
    return await traced(
      (end) => emit({ kind: "call", from, component: options.id, what, args: "", ...this.#located(end) }),
      async () => await this.#now.http(request),
      ({ status }) => String(status),
    );
  }

  configure(config: InstanceOptions["config"]): void {
    this.#config = config;
    this.#now.configure(config);
  }

  stats(): ReturnType<RunningComponent["stats"]> {
    return this.#now.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.onEnd();
    await this.#now[Symbol.asyncDispose]();
    await Promise.all(this.#leaving);
  }

  #located(end: End): End {
    return end.error === undefined || this.#code === undefined ? end : { ...end, error: this.#code.locate(end.error) };
  }
}

/** Ends a component once its calls are over, or have had their time. */
async function leave(component: RunningComponent): Promise<void> {
  const until = performance.now() + DRAIN_LIMIT_MS;
  while (component.stats().pending > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, DRAIN_PAUSE_MS));
  }
  await component[Symbol.asyncDispose]();
}
