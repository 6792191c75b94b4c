import { availableParallelism } from "node:os";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { PetioleError } from "../domain/errors.ts";
import { mebibytes, seconds, type Bytes } from "../domain/units.ts";
import type { BackoffOptions } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { threadProgram } from "../lib/parts.ts";
import {
  AddressSpace,
  WORKER_SHARE,
  engineOptions,
  probeAddressSpace,
  reservationOf,
  type EngineOptions,
} from "./address-space.ts";
import type { ComponentInspection } from "./binary/component-binary.ts";
import { ComponentRunner, RESTART_BACKOFF } from "./component-runner.ts";
import type { InstanceOptions, PreparedComponent, RunningComponent, Runtime } from "./contract.ts";
import { PAGE_SIZE } from "./limit-module.ts";
import { openMachineCode } from "./machine-code/addon.ts";
import { probeMemoryProtection } from "./prepare/memory-protection.ts";
import { REWRITE_POLICY, type RewritePolicy } from "./prepare/plan-rewrite.ts";
import { createPreparer, type ComponentFile, type Preparer } from "./prepare/prepare.ts";
import { transpilerCommand, type CompileLimits } from "./prepare/run-child.ts";
import { ROOT_INTERFACE } from "./link/plan.ts";
import type { InterfaceFunction, InterfaceShape } from "../lib/wit/type.ts";
import type { GuestSetup } from "./worker/protocol.ts";
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
  /** ed25519 public keys of those who may have compiled ahead of time what this device runs; none unless given. */
  readonly trustedKeys?: readonly KeyObject[];
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
  /** Workers that components share, at most one for each core. Those with a worker of their own come on top. */
  readonly workers?: number;
  /** Calls that a worker may have begun at a time: each takes address space for a stack. */
  readonly maxTurns?: number;
  /** Address space that instances may reserve; what the process has left, unless given. */
  readonly addressSpace?: Bytes;
  /** Pauses before a component that fails again and again gets a new instance. */
  readonly restarts?: BackoffOptions;
  /** Entry file of the worker, for tests. */
  readonly workerEntry?: URL;
  /** Command line that runs prepare/child.ts, for tests. */
  readonly transpiler?: readonly [string, ...string[]];
}

const DEFAULTS = {
  cacheQuota: mebibytes(256),
  rewrites: REWRITE_POLICY,
  glue: "own",
  compile: { memory: mebibytes(512), time: seconds(120) },
  // Below what the agent gives its own heap: what leaves a worker has to fit there.
  workerHeap: mebibytes(64),
  workers: 1,
  maxTurns: 32,
  restarts: RESTART_BACKOFF,
  workerEntry: threadProgram("component-worker"),
} as const satisfies Partial<RuntimeDeps>;

// Of the address space, what stacks that V8 does not give back may take until no more of them are used.
const LOST_STACKS_SHARE = 0.1;
const MAX_LOST_STACKS = 2 ** 30;

/** A runtime whose workers are told when they are going to be needed, and to give back memory that they do not need. */
export interface ReleasingRuntime extends Runtime {
  /** Makes the first worker, which starts while this thread does something else. */
  warmUp(): void;
  releaseMemory(): void;
}

/** Runs components in workers. Disposing it stops every component and what is being prepared. */
export function createRuntime(deps: RuntimeDeps): ReleasingRuntime {
  const { cacheDir, log, clock } = deps;
  const { cacheQuota, rewrites, glue, compile, workerHeap, workers, maxTurns, restarts, workerEntry } = {
    ...DEFAULTS,
    ...deps,
  };
  const transpiler = deps.transpiler ?? transpilerCommand(compile);
  const stop = new AbortController();
  // When there is a first component: before, it would only load what an idle agent has no use for.
  let preparer: Preparer | undefined;
  const prepareWith = (): Preparer => (preparer ??= makePreparer());
  const makePreparer = (): Preparer =>
    createPreparer({
      cacheDir,
      cacheQuota,
      rewrites,
      glue,
      log,
      clock,
      transpiler,
      limits: compile,
      keyFile: deps.keyFile ?? join(cacheDir, "cache.key"),
      trustedKeys: deps.trustedKeys ?? [],
      machineCode: openMachineCode(log, deps.nativeAddon),
    });
  const engine = currentEngineOptions();
  const slots = Math.max(1, Math.min(workers, availableParallelism()));
  const addressSpace = new AddressSpace(deps.addressSpace ?? probeAddressSpace(slots));
  const maxLost = Math.floor((addressSpace.budget * LOST_STACKS_SHARE) / engine.stackSize);
  const stacks = {
    maxTurns,
    stackSize: engine.stackSize,
    maxLost: Math.min(maxLost, MAX_LOST_STACKS),
    lost: new SharedArrayBuffer(4),
  };
  const openSlot = (name: string, reserved?: Disposable): WorkerSlot =>
    new WorkerSlot({ name, entry: workerEntry, log, clock, heap: workerHeap, stacks, reserved });
  const shared = Array.from({ length: slots }, () => openSlot("petiole-components"));
  const inUse = new Set(shared);
  const known = new Map<string, ComponentFile>();
  const running = new Set<() => Promise<void>>();
  let lastNumber = 0;

  /** A worker that one component has to itself. @throws PetioleError ERR_ADDRESS_SPACE */
  function openOwnSlot(id: string): WorkerSlot {
    const reserved = addressSpace.reserve(WORKER_SHARE);
    if (reserved !== undefined) return openSlot(`petiole-${id}`, reserved);
    throw new PetioleError(
      "ERR_ADDRESS_SPACE",
      `Cannot make a worker of its own for component "${id}": it takes ${WORKER_SHARE} bytes of address space, and ${addressSpace.reserved} of ${addressSpace.budget} are taken`,
    );
  }

  async function startComponent(component: PreparedComponent, options: InstanceOptions): Promise<RunningComponent> {
    stop.signal.throwIfAborted();
    const file = known.get(component.digest);
    if (file === undefined) {
      throw new PetioleError("ERR_INVARIANT", `Cannot start component "${options.id}": it was never prepared`);
    }
    const limits = { maxPages: Math.floor(options.limits.memory / PAGE_SIZE), maxTableEntries: options.limits.table };
    const loaded = await prepareWith().load(file, limits, stop.signal);
    stop.signal.throwIfAborted();
    const own = options.isolation === "dedicated" ? openOwnSlot(options.id) : undefined;
    if (own !== undefined) inUse.add(own);
    const runner = new ComponentRunner({
      slots: own === undefined ? shared : [own],
      clock,
      restarts,
      options,
      heap: workerHeap,
      addressSpace,
      reservation: reservationOf([...loaded.memories.values()].flat(), engine),
      log: options.log,
      nextNumber: () => ++lastNumber,
      setup: {
        id: options.id,
        glue: loaded.glue,
        modules: loaded.modules,
        ...bordersOf(file.inspection),
        env: { ...options.env },
        config: { ...options.config },
        grants: options.grants,
        asksEgress: options.onEgress !== undefined,
        recycling: options.recycling,
        memory: options.limits.memory,
        logRate: options.limits.logRate,
      },
    });
    const end = async (): Promise<void> => {
      running.delete(end);
      await runner[Symbol.asyncDispose]();
      if (own === undefined) return;
      inUse.delete(own);
      await own[Symbol.asyncDispose]();
    };
    running.add(end);
    try {
      await runner.start();
      const profiling = loaded.profile({
        activity: () => runner.stats(),
        codeCache: () => runner.codeCache(),
      });
      return {
        call: (interfaceName, functionName, args) => runner.call(interfaceName, functionName, args),
        http: (request) => runner.http(request),
        configure: (config) => runner.configure({ ...config }),
        stats: () => runner.stats(),
        [Symbol.asyncDispose]: async () => {
          profiling[Symbol.dispose]();
          await end();
        },
      };
    } catch (error) {
      await end();
      throw error;
    }
  }

  return {
    builtin: BUILTIN_INTERFACES,
    async prepare(file, signal, admit) {
      shared[0]?.warmUp();
      const component = await prepareWith().prepare(file, AbortSignal.any([signal, stop.signal]), admit);
      known.set(component.digest, component);
      return describe(component);
    },
    start: startComponent,
    warmUp: () => shared[0]?.warmUp(),
    releaseMemory: () => inUse.forEach((slot) => slot.releaseMemory()),
    async [Symbol.asyncDispose]() {
      stop.abort(new PetioleError("ERR_COMPONENT_STOPPED", "The runtime was stopped"));
      await Promise.all([...running].map((end) => end()));
      await Promise.all(shared.map((slot) => slot[Symbol.asyncDispose]()));
      await preparer?.[Symbol.asyncDispose]();
    },
  };
}

/** Flags do not tell everything: V8 does without guard regions also where there is no room for them. */
function currentEngineOptions(): EngineOptions {
  const options = engineOptions(process.execArgv);
  const protection = probeMemoryProtection();
  return protection === "unknown" ? options : { ...options, trapHandler: protection === "guard-regions" };
}

function describe({ digest, size, inspection }: ComponentFile): PreparedComponent {
  const { imports, exports } = bordersOf(inspection);
  // Interfaces that only lend their types need nobody to serve them.
  const needed = imports.filter((one) => one.functions.length > 0);
  const names = (shapes: readonly InterfaceShape[]): string[] => shapes.map((one) => one.name);
  return { digest, size, imports: names(needed), exports: names(exports), shapes: { imports: needed, exports } };
}

/** Functions outside any interface make one of their own. */
function bordersOf(inspection: ComponentInspection): Pick<GuestSetup, "imports" | "exports"> {
  const root = (functions: readonly InterfaceFunction[]): readonly InterfaceShape[] =>
    functions.length === 0 ? [] : [{ name: ROOT_INTERFACE, functions, resources: [] }];
  return {
    imports: [...inspection.imports, ...root(inspection.bareImports)],
    exports: [...inspection.exports, ...root(inspection.bareExports)],
  };
}
