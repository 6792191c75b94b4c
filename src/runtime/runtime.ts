import { join } from "node:path";
import { PetioleError } from "../domain/errors.ts";
import { mebibytes, seconds, type Bytes } from "../domain/units.ts";
import type { BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { Admission } from "./admission.ts";
import { ComponentRunner, RESTART_BACKOFF } from "./component-runner.ts";
import type { InstanceOptions, PreparedComponent, RunningComponent, Runtime } from "./contract.ts";
import { PAGE_SIZE } from "./limit-module.ts";
import { openMachineCode } from "./machine-code/addon.ts";
import { REWRITE_POLICY, type RewritePolicy } from "./prepare/plan-rewrite.ts";
import { createPreparer, type ComponentFile } from "./prepare/prepare.ts";
import { transpilerCommand, type CompileLimits } from "./prepare/run-child.ts";
import { BUILTIN_INTERFACES } from "./wasi/names.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface RuntimeDeps {
  /** Artifacts of components are kept below it; may be lost at any time. */
  readonly cacheDir: string;
  /** The key that seals the cache, 32 bytes that nobody else may read; made when there is none. */
  readonly keyFile?: string;
  /** Bytes that the cache may have; of more, what was not used for the longest time goes. */
  readonly cacheQuota?: Bytes;
  /** When the cache takes over the code that V8 has optimised. */
  readonly rewrites?: RewritePolicy;
  /** The C++ add-on, for a bundle that has it elsewhere. */
  readonly nativeAddon?: string;
  /** "jco" has all glue made by the transpiler: for comparisons. */
  readonly glue?: "own" | "jco";
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
  cacheQuota: mebibytes(256),
  rewrites: REWRITE_POLICY,
  glue: "own",
  compile: { memory: mebibytes(512), time: seconds(120) },
  workerHeap: mebibytes(128),
  maxTurns: 32,
  restarts: RESTART_BACKOFF,
  workerEntry: new URL("./worker/entry.ts", import.meta.url),
} as const satisfies Partial<RuntimeDeps>;

/** Runs components in a worker. Disposing it stops every component and what is being prepared. */
export function createRuntime(deps: RuntimeDeps): Runtime {
  const { cacheDir, log, clock } = deps;
  const { cacheQuota, rewrites, glue, compile, workerHeap, maxTurns, restarts, workerEntry } = { ...DEFAULTS, ...deps };
  const transpiler = deps.transpiler ?? transpilerCommand(compile);
  const stop = new AbortController();
  const preparer = createPreparer({
    cacheDir,
    cacheQuota,
    rewrites,
    glue,
    log,
    clock,
    transpiler,
    limits: compile,
    keyFile: deps.keyFile ?? join(cacheDir, "cache.key"),
    machineCode: openMachineCode(log, deps.nativeAddon),
  });
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
    const limits = { maxPages: Math.floor(options.limits.memory / PAGE_SIZE), maxTableEntries: options.limits.table };
    const loaded = await preparer.load(file, limits, stop.signal);
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
        glue: loaded.glue,
        modules: loaded.modules,
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
      const profiling = loaded.profile({
        activity: () => runner.stats(),
        codeCache: () => Promise.resolve(undefined),
      });
      return {
        call: (interfaceName, functionName, args) => runner.call(interfaceName, functionName, args),
        stats: () => runner.stats(),
        [Symbol.asyncDispose]: async () => {
          profiling[Symbol.dispose]();
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
      await preparer[Symbol.asyncDispose]();
    },
  };
}

function describe({ digest, folder, size, inspection }: ComponentFile): PreparedComponent {
  // Interfaces that only lend their types need nobody to serve them.
  const imports = inspection.imports.filter((one) => one.functions.length > 0).map((one) => one.name);
  return { digest, folder, size, imports, exports: inspection.exports.map((one) => one.name) };
}
