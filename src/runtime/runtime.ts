import { PetioleError } from "../domain/errors.ts";
import { mebibytes, seconds, type Bytes } from "../domain/units.ts";
import type { BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { Admission } from "./admission.ts";
import { ComponentRunner, RESTART_BACKOFF } from "./component-runner.ts";
import type { InstanceOptions, PreparedComponent, RunningComponent, Runtime } from "./contract.ts";
import { ModuleLimitError, PAGE_SIZE, limitModule } from "./limit-module.ts";
import type { Artifacts } from "./prepare/artifact-cache.ts";
import { createPreparer, type ComponentFile } from "./prepare/prepare.ts";
import { transpilerCommand, type CompileLimits } from "./prepare/run-child.ts";
import { BUILTIN_INTERFACES } from "./wasi/names.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface RuntimeDeps {
  /** Artifacts of components are kept below it; may be lost at any time. */
  readonly cacheDir: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Bounds of the process that transpiles a component. */
  readonly compile?: CompileLimits;
  /** Bound of a worker's JavaScript heap, in which the glue of its components lives. */
  readonly workerHeap?: Bytes;
  /** Calls that a worker may have begun at a time: each takes address space for a stack. */
  readonly maxTurns?: number;
  /** Pauses before a component that fails again and again gets a new instance. */
  readonly restarts?: BackoffOptions;
  /** Entry file of the worker, for a bundle that has it elsewhere. */
  readonly workerEntry?: URL;
  /** Command line that runs prepare/child.ts, for a single executable, which cannot run a file. */
  readonly transpiler?: readonly [string, ...string[]];
}

const DEFAULTS = {
  compile: { memory: mebibytes(512), time: seconds(120) },
  workerHeap: mebibytes(128),
  maxTurns: 32,
  restarts: RESTART_BACKOFF,
  workerEntry: new URL("./worker/entry.ts", import.meta.url),
} as const satisfies Partial<RuntimeDeps>;

/** Runs components in a worker. Disposing it stops every component and what is being prepared. */
export function createRuntime(deps: RuntimeDeps): Runtime {
  const { cacheDir, log, clock } = deps;
  const { compile, workerHeap, maxTurns, restarts, workerEntry } = { ...DEFAULTS, ...deps };
  const transpiler = deps.transpiler ?? transpilerCommand(compile);
  const stop = new AbortController();
  const preparer = createPreparer({ cacheDir, log, clock, limits: compile, transpiler });
  const slot = new WorkerSlot({ entry: workerEntry, log, clock, heap: workerHeap });
  const admission = new Admission(maxTurns);
  const known = new Map<string, ComponentFile>();
  const running = new Set<ComponentRunner>();
  let lastNumber = 0;

  async function startComponent(component: PreparedComponent, options: InstanceOptions): Promise<RunningComponent> {
    stop.signal.throwIfAborted();
    const file = known.get(component.digest);
    if (file === undefined) {
      throw new PetioleError("ERR_INVARIANT", `Cannot start component "${options.id}": it was never prepared`);
    }
    const artifacts = await preparer.artifacts(file, stop.signal);
    const modules = await compileModules(artifacts, options);
    stop.signal.throwIfAborted();
    const runner = new ComponentRunner({
      slot,
      clock,
      admission,
      restarts,
      log: options.log,
      limits: options.limits,
      onImport: options.onImport,
      nextNumber: () => ++lastNumber,
      setup: {
        id: options.id,
        glue: { kind: "jco", script: artifacts.glue },
        modules,
        imports: file.inspection.imports,
        exports: file.inspection.exports,
        env: { ...options.env },
        config: { ...options.config },
        grants: options.grants,
        memory: options.limits.memory,
      },
    });
    running.add(runner);
    try {
      await runner.start();
      return {
        call: (interfaceName, functionName, args) => runner.call(interfaceName, functionName, args),
        stats: () => runner.stats(),
        [Symbol.asyncDispose]: async () => {
          running.delete(runner);
          await runner[Symbol.asyncDispose]();
        },
      };
    } catch (error) {
      running.delete(runner);
      await runner[Symbol.asyncDispose]();
      throw error;
    }
  }

  return {
    builtin: BUILTIN_INTERFACES,
    async prepare(file, signal) {
      const component = await preparer.prepare(file, AbortSignal.any([signal, stop.signal]));
      known.set(component.digest, component);
      return describe(component);
    },
    start: startComponent,
    async [Symbol.asyncDispose]() {
      stop.abort(new PetioleError("ERR_COMPONENT_STOPPED", "The runtime was stopped"));
      for (const runner of running) await runner[Symbol.asyncDispose]();
      running.clear();
      await slot[Symbol.asyncDispose]();
    },
  };
}

function describe({ digest, folder, size, inspection }: ComponentFile): PreparedComponent {
  // Interfaces that only lend their types need nobody to serve them.
  const imports = inspection.imports.filter((one) => one.functions.length > 0).map((one) => one.name);
  return { digest, folder, size, imports, exports: inspection.exports.map((one) => one.name) };
}

async function compileModules(
  { modules }: Artifacts,
  { id, limits }: InstanceOptions,
): Promise<ReadonlyMap<string, WebAssembly.Module>> {
  const bounds = { maxPages: Math.floor(limits.memory / PAGE_SIZE), maxTableEntries: limits.table };
  try {
    const compiled = [...modules].map(async ([name, bytes]): Promise<[string, WebAssembly.Module]> => {
      return [name, await WebAssembly.compile(new Uint8Array(limitModule(bytes, bounds)))];
    });
    return new Map(await Promise.all(compiled));
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof ModuleLimitError ? "ERR_COMPONENT_MEMORY" : "ERR_COMPONENT_INVALID";
    throw new PetioleError(code, `Cannot start component "${id}": ${found}`, { cause });
  }
}
