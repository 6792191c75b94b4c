// From a component file to artifacts that can be run: read, inspected, transpiled once, kept in the cache.

import { createHash } from "node:crypto";
import { readFile, stat, writeFile, rm, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { mebibytes } from "../../domain/units.ts";
import type { Digest } from "../../domain/workload.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { inspectComponent, type ComponentInspection } from "../binary/component-binary.ts";
import { checkBuiltinVersion } from "../wasi/names.ts";
import { createArtifactCache, type Artifacts } from "./artifact-cache.ts";
import { currentEngine, engineKey } from "./engine-key.ts";
import { runTranspiler, type CompileLimits } from "./run-child.ts";
import { SharedWork } from "./shared-work.ts";

export interface PreparerDeps {
  readonly cacheDir: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits: CompileLimits;
  /** Command line of the transpiler. */
  readonly transpiler: readonly [string, ...string[]];
}

/** A component that was read, with what is known of it. */
export interface ComponentFile {
  readonly file: string;
  readonly digest: Digest;
  readonly size: number;
  readonly folder: string;
  readonly inspection: ComponentInspection;
}

export interface Preparer {
  /** @throws PetioleError ERR_COMPONENT_UNREADABLE, ERR_COMPONENT_INVALID, ERR_COMPONENT_PREPARE */
  prepare(file: string, signal: AbortSignal): Promise<ComponentFile>;
  /**
   * The artifacts of a prepared component; made again from its file when the cache has lost them.
   * @throws PetioleError as `prepare`, also when the file is another one by now
   */
  artifacts(component: ComponentFile, signal: AbortSignal): Promise<Artifacts>;
}

const MAX_COMPONENT_SIZE = mebibytes(64);
const MAX_CACHED_COMPONENTS = 64;

export function createPreparer(deps: PreparerDeps): Preparer {
  const cache = createArtifactCache({
    folder: join(deps.cacheDir, "components"),
    engineKey: engineKey(currentEngine()),
    log: deps.log,
    maxComponents: MAX_CACHED_COMPONENTS,
  });
  const work = new SharedWork<Artifacts>();

  function ensure(source: string, digest: Digest, bytes: Uint8Array, signal: AbortSignal): Promise<Artifacts> {
    return work.run(digest, signal, async (signal) => {
      const cached = await cache.load(digest);
      if (cached !== undefined) return cached;
      const started = deps.clock.monotonic();
      const made = await cache
        .store(digest, (folder) => transpile(deps, source, bytes, folder, signal))
        .catch((cause: unknown) => {
          if (cause instanceof PetioleError || signal.aborted) throw cause;
          throw new PetioleError(
            "ERR_COMPONENT_PREPARE",
            `Cannot keep what was made of "${source}": ${String(cause)}`,
            {
              cause,
            },
          );
        });
      deps.log.info("Component transpiled", { file: source, digest, ms: deps.clock.monotonic() - started });
      return made;
    });
  }

  return {
    async prepare(file, signal) {
      const { bytes, digest } = await readComponent(file);
      signal.throwIfAborted();
      const inspection = inspectComponent(bytes, file);
      for (const { name } of inspection.imports) checkBuiltinVersion(name, file);
      await ensure(file, digest, bytes, signal);
      return { file, digest, size: bytes.byteLength, folder: cache.entry(digest), inspection };
    },
    async artifacts(component, signal) {
      const cached = await cache.load(component.digest);
      if (cached !== undefined) return cached;
      const { bytes, digest } = await readComponent(component.file);
      if (digest === component.digest) return ensure(component.file, digest, bytes, signal);
      throw new PetioleError(
        "ERR_COMPONENT_UNREADABLE",
        `Cannot prepare "${component.file}" again: found ${digest}, want ${component.digest}`,
      );
    },
  };
}

async function transpile(
  deps: PreparerDeps,
  source: string,
  bytes: Uint8Array,
  outputFolder: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // The child gets a copy: the file may be replaced meanwhile, and the digest has to be that of what was transpiled.
  const folder = await mkdtemp(join(tmpdir(), "petiole-transpile-"));
  try {
    const input = join(folder, "component.wasm");
    await writeFile(input, bytes, { mode: 0o600 });
    const { clock, limits, transpiler: command } = deps;
    return await runTranspiler({ source, input, outputFolder, command, limits, clock, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readComponent(file: string): Promise<{ readonly bytes: Uint8Array; readonly digest: Digest }> {
  try {
    const { size } = await stat(file);
    if (size > MAX_COMPONENT_SIZE) {
      throw new PetioleError(
        "ERR_COMPONENT_INVALID",
        `Cannot run "${file}": it has ${size} bytes, want at most 64 MiB`,
      );
    }
    const bytes = await readFile(file);
    return { bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new PetioleError("ERR_COMPONENT_UNREADABLE", `Cannot read "${file}": ${found}`, { cause });
  }
}
