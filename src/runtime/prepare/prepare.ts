// From a component file to code that can be run: read, inspected, linked or transpiled once, compiled once, kept in the
// cache together with its machine code.

import { createHash, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { PetioleError } from "../../domain/errors.ts";
import { mebibytes, type Bytes } from "../../domain/units.ts";
import type { Digest } from "../../domain/workload.ts";
import { readRegularFile, UnsuitableFile } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import type { Admission } from "../contract.ts";
import { inspectComponent, type ComponentInspection } from "../binary/component-binary.ts";
import { declaredMemories, type ModuleLimits } from "../limit-module.ts";
import { UnsupportedComponent } from "../link/unsupported.ts";
import type { MachineCode } from "../machine-code/addon.ts";
import { checkBuiltinVersion } from "../wasi/names.ts";
import type { GuestGlue } from "../worker/protocol.ts";
import type { Artifacts } from "./artifacts.ts";
import { compileArtifacts, compileEntry, isProfiled, type Compiled, type EntryCode } from "./compile.ts";
import { openDeviceKey } from "./device-key.ts";
import { createEngineReader, engineKey, type Engine } from "./engine-key.ts";
import { createEntryCache, type EntryCache } from "./entry-cache.ts";
import type { CachedModule, EntryContent } from "./entry-format.ts";
import { HeldArtifacts } from "./held-artifacts.ts";
import { RecentEntry, type Recalled } from "./recent-entry.ts";
import type { RewritePolicy } from "./plan-rewrite.ts";
import { Rewriter } from "./rewriter.ts";
import type { EntryId } from "./seal.ts";
import { SharedWork } from "./shared-work.ts";
import { MAX_COMPONENT_SIZE } from "./size-limits.ts";
import { transpileComponent, type TranspileDeps } from "./transpile.ts";
import { reasonOf } from "../../lib/reason.ts";
import { updateInSlices } from "../../lib/update-in-slices.ts";

export interface PreparerDeps extends TranspileDeps {
  readonly cacheDir: string;
  /** The key that seals the cache. */
  readonly keyFile: string;
  /** Bytes that the cache may have. */
  readonly cacheQuota: Bytes;
  readonly log: Logger;
  /** Undefined without the add-on. */
  readonly machineCode: MachineCode | undefined;
  /** "jco" leaves our own linker out: for comparisons. */
  readonly glue: "own" | "jco";
  readonly rewrites: RewritePolicy;
  /** Who may have compiled ahead of time what this device runs. */
  readonly trustedKeys: readonly KeyObject[];
}

/** A component that was read, with what is known of it. */
export interface ComponentFile {
  readonly file: string;
  readonly digest: Digest;
  readonly size: number;
  readonly inspection: ComponentInspection;
}

/** What a component's instances are made of. */
export interface LoadedComponent {
  readonly glue: GuestGlue;
  /** By the name that the glue asks for. Sent to workers, they share their code. */
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  /** The bytes to which each memory that a module declares may grow. */
  readonly memories: ReadonlyMap<string, readonly number[]>;
  /**
   * Has the cache entry rewritten with what V8 optimises, once the component has served enough calls and all is quiet.
   * Disposing ends that.
   */
  profile(running: ProfiledComponent): Disposable;
}

export interface ProfiledComponent {
  /** Calls that it has served, and calls that wait or run. */
  activity(): { readonly calls: number; readonly pending: number };
  /** V8's code cache of the glue script, from the worker that ran it; undefined when it cannot be had. */
  codeCache(): Promise<Uint8Array | undefined>;
}

/** Disposing it waits for what is being written. */
export interface Preparer extends AsyncDisposable {
  /**
   * `admit` decides on the very bytes that are prepared, before anything else is done with them.
   * @throws PetioleError ERR_COMPONENT_UNREADABLE, ERR_COMPONENT_INVALID, ERR_COMPONENT_PREPARE
   * @throws what `admit` throws
   */
  prepare(file: string, signal: AbortSignal, admit?: Admission): Promise<ComponentFile>;
  /**
   * The code of a prepared component, with these limits; made again from its file when the cache has not got it.
   * @throws PetioleError as `prepare`, also when the file is another one by now; ERR_COMPONENT_MEMORY
   */
  load(component: ComponentFile, limits: ModuleLimits, signal: AbortSignal): Promise<LoadedComponent>;
}

/** Said in the log, once for each entry. */
export const REWRITTEN = "Cached component rewritten with optimised code";

/** Said in the log of an entry that is intact, but made of what cannot be used. */
const UNUSABLE = "Component made ready before cannot be used and is made again";

/** Of a prepared component's entry until it is started. */
const MAX_RECENT_SIZE = mebibytes(16);

export function createPreparer(deps: PreparerDeps): Preparer {
  const { log, clock } = deps;
  const folder = join(deps.cacheDir, "components");
  const readEngine = createEngineReader();
  const work = new SharedWork<Artifacts>();
  const held = new HeldArtifacts(MAX_COMPONENT_SIZE);
  const recent = new RecentEntry(MAX_RECENT_SIZE);
  const rewriter = new Rewriter(clock, deps.rewrites);
  const writing = new Set<Promise<unknown>>();
  let opened: Promise<EntryCache> | undefined;
  const openCache = (): Promise<EntryCache> => {
    opened ??= openDeviceKey(deps.keyFile, log).then(async ({ key, kept }) => {
      const cache = createEntryCache({ folder, key, durable: kept, quota: deps.cacheQuota, log });
      await cache.removeLeftovers();
      return cache;
    });
    return opened;
  };

  function make(
    source: string,
    digest: Digest,
    bytes: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<Artifacts> {
    return work.run(digest, signal, async (signal) => {
      const started = clock.monotonic();
      const artifacts = await makeArtifacts(deps, bytes, source, signal);
      const did = artifacts.glue.kind === "jco" ? "Component transpiled" : "Component linked";
      log.info(did, { file: source, digest, ms: clock.monotonic() - started });
      return artifacts;
    });
  }

  async function remake(component: ComponentFile, signal: AbortSignal): Promise<Artifacts> {
    const { bytes, digest } = await readComponent(component.file, signal);
    if (digest === component.digest) return make(component.file, digest, bytes, signal);
    throw new PetioleError(
      "ERR_COMPONENT_UNREADABLE",
      `Cannot prepare "${component.file}" again: found ${digest}, want ${component.digest}`,
    );
  }

  /** What was compiled elsewhere for this component and this engine; `limits` as it will run, undefined for any. */
  async function takeAhead(
    file: string,
    component: Digest,
    limits: ModuleLimits | undefined,
    signal: AbortSignal,
  ): Promise<EntryContent | undefined> {
    if (deps.trustedKeys.length === 0) return undefined;
    const { findAhead } = await import("../aot/find-ahead.ts");
    const { describeRefusal } = await import("../aot/signed-entry.ts");
    const { taken, refused } = await findAhead(
      file,
      deps.trustedKeys,
      { component, engine: readEngine(), limits },
      signal,
    );
    if (taken !== undefined) {
      log.info("Component compiled ahead of time is taken", { file: taken.file, digest: component });
    } else if (refused.length > 0) {
      const reasons = refused.map(({ file, refusal }) => `${file}: ${describeRefusal(refusal)}`);
      log.warn("Component compiled ahead of time is not taken", { digest: component, reasons });
    }
    return taken?.content;
  }

  /** An entry of the component for this engine, whatever its limits: what is the same for all of them is wanted. */
  async function recall(
    cache: EntryCache,
    file: string,
    component: Digest,
    signal: AbortSignal,
  ): Promise<{ readonly recalled: Recalled; readonly inspection: ComponentInspection } | undefined> {
    const key = engineKey(readEngine());
    for (const id of await cache.find({ component, engineKey: key })) {
      const entry = await cache.load(id);
      const inspection = entry === undefined ? undefined : readInspection(entry);
      if (entry === undefined) continue;
      if (inspection !== undefined) return { recalled: { entry, engineKey: key, sealed: true }, inspection };
      await cache.remove(id);
    }
    const ahead = held.has(component) ? undefined : await takeAhead(file, component, undefined, signal);
    const inspection = ahead === undefined ? undefined : readInspection(ahead);
    if (ahead === undefined || inspection === undefined) return undefined;
    return { recalled: { entry: ahead, engineKey: key, sealed: false }, inspection };
  }

  /** Undefined when it cannot be read, which is said in the log. */
  function readInspection({ component, inspection }: EntryContent): ComponentInspection | undefined {
    try {
      const read = deserialize(inspection) as Partial<ComponentInspection> | undefined; // Checked below as far as it is used.
      if (!Array.isArray(read?.imports) || !Array.isArray(read.exports))
        throw new Error("it names no imports or exports");
      return read as ComponentInspection;
    } catch (error) {
      log.warn(UNUSABLE, { digest: component, err: error });
      return undefined;
    }
  }

  /** Undefined when the entry does not hold what it should, which is said in the log. */
  async function compileFound(
    cache: EntryCache,
    id: EntryId,
    { entry, sealed }: Recalled,
    machineCode: MachineCode | undefined,
  ): Promise<Ready | undefined> {
    try {
      return withMemories(await compileEntry(entry, machineCode));
    } catch (error) {
      log.warn(UNUSABLE, { digest: id.component, err: error });
      if (sealed) await cache.remove(id);
      return undefined;
    }
  }

  /** The entry for these limits. */
  async function findEntry(
    cache: EntryCache,
    id: EntryId,
    file: string,
    signal: AbortSignal,
  ): Promise<Recalled | undefined> {
    const { component, engineKey, limits } = id;
    const recalled = recent.take(component);
    if (recalled !== undefined && recalled.engineKey === engineKey && areEqual(recalled.entry.limits, limits)) {
      return recalled;
    }
    const cached = await cache.load(id);
    if (cached !== undefined) return { entry: cached, engineKey, sealed: true };
    const ahead = held.has(component) ? undefined : await takeAhead(file, component, limits, signal);
    return ahead === undefined ? undefined : { entry: ahead, engineKey, sealed: false };
  }

  /** In the background: nobody waits for the cache. */
  function store(cache: EntryCache, id: EntryId, inspection: Uint8Array, code: EntryCode): void {
    const { component, limits } = id;
    const written = cache.store(id, { component, engine: readEngine(), limits, inspection, ...code }).finally(() => {
      writing.delete(written);
    });
    writing.add(written);
  }

  /** Takes what V8 has optimised by now. */
  async function rewrite(
    cache: EntryCache,
    id: EntryId,
    modules: LoadedComponent["modules"],
    calls: number,
    running: ProfiledComponent,
  ): Promise<void> {
    const codeCache = await running.codeCache();
    await Promise.all(writing);
    // Read again rather than kept all the time.
    const entry = await cache.load(id);
    const engine = readEngine();
    // Code that was made since flags were changed would be in the wrong place.
    if (entry === undefined || engineKey(engine) !== id.engineKey) return;
    const optimised = new Map<string, CachedModule>();
    for (const [name, { wireBytes }] of entry.modules) {
      const module = modules.get(name);
      if (module === undefined) return;
      optimised.set(name, { wireBytes, machineCode: await usable(engine)?.serialize(module) });
    }
    const glue = { ...entry.glue, codeCache };
    if (!(await cache.store(id, { ...entry, warmUpCalls: calls, glue, modules: optimised }))) return;
    log.info(REWRITTEN, { digest: id.component, calls });
  }

  /** Where it is not known how memories are protected, no machine code is safe. */
  const usable = ({ memoryProtection }: Engine): MachineCode | undefined =>
    memoryProtection === "unknown" ? undefined : deps.machineCode;

  return {
    async prepare(file, signal, admit) {
      const { bytes, digest } = await readComponent(file, signal);
      signal.throwIfAborted();
      await admit?.({ bytes, digest });
      signal.throwIfAborted();
      const found = await recall(await openCache(), file, digest, signal);
      // Verified to be what was written: reading it takes a fraction of the time that the component's types take.
      const inspection = found?.inspection ?? inspectComponent(bytes, file);
      for (const { name } of inspection.imports) checkBuiltinVersion(name, file);
      if (found === undefined) {
        if (!held.has(digest)) held.put(digest, await make(file, digest, bytes, signal));
      } else {
        recent.put(found.recalled);
      }
      return { file, digest, size: bytes.byteLength, inspection };
    },

    async load(component, limits, signal) {
      const { digest, file } = component;
      const engine = readEngine();
      const id: EntryId = { component: digest, engineKey: engineKey(engine), limits };
      const cache = await openCache();
      const found = await findEntry(cache, id, file, signal);
      const artifacts = held.take(digest);
      signal.throwIfAborted();
      const ready = found === undefined ? undefined : await compileFound(cache, id, found, usable(engine));
      const { code, modules, changed, memories } =
        ready ?? withMemories(await compileArtifacts(artifacts ?? (await remake(component, signal)), limits, file));
      if (changed && ready !== undefined) {
        log.warn("V8 does not take the machine code of a cached component, which is compiled", { digest });
      }
      // What was made elsewhere gets the device's own seal.
      if (changed || found?.sealed !== true) store(cache, id, serialize(component.inspection), code);
      const profiled = isProfiled(code, usable(engine));
      return {
        glue: code.glue,
        modules,
        memories,
        profile: (running) => {
          const activity = (): ReturnType<ProfiledComponent["activity"]> => running.activity();
          const act = (calls: number): Promise<void> =>
            rewrite(cache, id, modules, calls, running).catch((error: unknown) => {
              log.warn("Cached component cannot be rewritten with optimised code", { digest, err: error });
            });
          return rewriter.watch({ activity, rewrite: act }, profiled || !cache.durable);
        },
      };
    },

    async [Symbol.asyncDispose]() {
      await rewriter[Symbol.asyncDispose]();
      await Promise.all(writing);
    },
  };
}

interface Ready extends Compiled {
  readonly memories: LoadedComponent["memories"];
}

function withMemories(compiled: Compiled): Ready {
  const { modules } = compiled.code;
  return {
    ...compiled,
    memories: new Map([...modules].map(([name, { wireBytes }]) => [name, declaredMemories(wireBytes)])),
  };
}

function areEqual(one: ModuleLimits, other: ModuleLimits): boolean {
  return one.maxPages === other.maxPages && one.maxTableEntries === other.maxTableEntries;
}

async function makeArtifacts(
  deps: PreparerDeps,
  bytes: Uint8Array<ArrayBuffer>,
  source: string,
  signal: AbortSignal,
): Promise<Artifacts> {
  if (deps.glue === "own") {
    try {
      // Not before it is needed: what is in the cache was linked already.
      const { linkComponent } = await import("./own-glue.ts");
      return await linkComponent(bytes, source);
    } catch (error) {
      if (!(error instanceof UnsupportedComponent)) throw error;
      deps.log.debug("Component needs the transpiler", { file: source, uses: error.reason });
    }
  }
  return transpileComponent(deps, bytes, source, signal);
}

async function readComponent(
  file: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly digest: Digest }> {
  try {
    const { bytes } = await readRegularFile(file, { maxSize: MAX_COMPONENT_SIZE, signal });
    const hash = createHash("sha256");
    await updateInSlices(hash, [bytes], signal);
    return { bytes, digest: `sha256:${hash.digest("hex")}` };
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof UnsuitableFile && cause.reason === "too-large") {
      throw new PetioleError("ERR_COMPONENT_INVALID", `Cannot run "${file}": ${cause.message}`, { cause });
    }
    const found = reasonOf(cause);
    throw new PetioleError("ERR_COMPONENT_UNREADABLE", `Cannot read "${file}": ${found}`, { cause });
  }
}
