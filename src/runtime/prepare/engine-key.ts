import { createHash } from "node:crypto";
import { cachedDataVersionTag } from "node:v8";
import { z } from "zod";
import { GLUE_VERSION } from "./glue.ts";
import { probeMemoryProtection } from "./memory-protection.ts";
import { LINKER } from "./own-glue.ts";
import { TRANSPILER } from "./transpile-options.ts";

export const engineSchema = z.strictObject({
  node: z.string(),
  v8: z.string(),
  arch: z.string(),
  /**
   * V8's digest of its version, of its flags as they are now (from the command line, NODE_OPTIONS or
   * v8.setFlagsFromString) and of the CPU's features. Flags that change no code, such as heap sizes, are not in it.
   */
  tag: z.int(),
  memoryProtection: z.enum(["guard-regions", "checks", "unknown"]),
  /** What makes glue of our own. */
  linker: z.string(),
  /** What makes glue of components that our own linker does not take. */
  transpiler: z.string(),
});

/** Everything that artifacts are made for, and by. */
export type Engine = z.infer<typeof engineSchema>;

/** Reads the engine of this process. Flags may change while it runs: ask again whenever it matters. */
export function createEngineReader(): () => Engine {
  const memoryProtection = probeMemoryProtection();
  return () => ({
    node: process.versions.node,
    v8: process.versions.v8,
    arch: process.arch,
    tag: cachedDataVersionTag(),
    memoryProtection,
    linker: LINKER,
    transpiler: `${TRANSPILER}, rewritten ${GLUE_VERSION}`,
  });
}

/** Names what cached artifacts were made for; another key means that they have to be made again. */
export function engineKey(engine: Engine): string {
  const { node, v8, arch, tag, memoryProtection, linker, transpiler } = engine;
  const text = JSON.stringify([node, v8, arch, tag, memoryProtection, linker, transpiler]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** The parts in which two engines differ. */
export function engineDifferences(one: Engine, other: Engine): readonly (keyof Engine)[] {
  return engineSchema.keyof().options.filter((part) => one[part] !== other[part]);
}
