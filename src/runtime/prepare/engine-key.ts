import { createHash } from "node:crypto";
import { cachedDataVersionTag } from "node:v8";
import { VERSION } from "../../domain/version.ts";
import { EMIT_VERSION } from "../link/emit-version.ts";
import { GLUE_VERSION } from "./glue.ts";
import { readCpuFeatures } from "./cpu-features.ts";
import { probeMemoryProtection, type MemoryProtection } from "./memory-protection.ts";
import { TRANSPILER } from "./transpile-options.ts";

/** Everything that artifacts are made for, and by. */
export interface Engine {
  readonly node: string;
  readonly v8: string;
  readonly arch: string;
  /** See cpu-features.ts. */
  readonly cpu: string;
  /**
   * V8's digest of its version and of its flags as they are now: from the command line, NODE_OPTIONS or
   * v8.setFlagsFromString. Flags that change no code, such as heap sizes, are not in it.
   */
  readonly flags: number;
  readonly memoryProtection: MemoryProtection;
  /** What makes glue of our own. */
  readonly linker: string;
  /** What makes glue of components that our own linker does not take. */
  readonly transpiler: string;
}

/** Reads the engine of this process. Flags may change while it runs: ask again whenever it matters. */
export function createEngineReader(): () => Engine {
  const memoryProtection = probeMemoryProtection();
  const cpu = readCpuFeatures();
  return () => ({
    node: process.versions.node,
    v8: process.versions.v8,
    arch: process.arch,
    cpu,
    flags: cachedDataVersionTag(),
    memoryProtection,
    linker: `petiole ${VERSION}, glue ${EMIT_VERSION}`,
    transpiler: `${TRANSPILER}, rewritten ${GLUE_VERSION}`,
  });
}

const PARTS = ["node", "v8", "arch", "cpu", "flags", "memoryProtection", "linker", "transpiler"] as const;

/** Names what cached artifacts were made for; another key means that they have to be made again. */
export function engineKey(engine: Engine): string {
  const text = JSON.stringify(PARTS.map((part) => engine[part]));
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** The parts in which two engines differ. */
export function engineDifferences(one: Engine, other: Engine): readonly (keyof Engine)[] {
  return PARTS.filter((part) => one[part] !== other[part]);
}
