import { createHash } from "node:crypto";
import { GLUE_VERSION } from "./glue.ts";
import { TRANSPILER } from "./transpile-options.ts";

export interface Engine {
  readonly v8: string;
  readonly arch: string;
  /** Flags of the process: some change what code may assume. */
  readonly flags: readonly string[];
  readonly transpiler: string;
  readonly glueVersion: number;
}

export const currentEngine = (): Engine => ({
  v8: process.versions.v8,
  arch: process.arch,
  flags: process.execArgv,
  transpiler: TRANSPILER,
  glueVersion: GLUE_VERSION,
});

/** Names what cached artifacts were made for; another key means that they have to be made again. */
export function engineKey(engine: Engine): string {
  const { v8, arch, flags, transpiler, glueVersion } = engine;
  // Only flags for V8: where a debugger listens or what is watched makes no difference to the artifacts.
  const relevant = flags.filter((flag) =>
    /^--(?:no-)?(?:wasm|liftoff|disable-wasm|stack-size|experimental-wasm)/.test(flag),
  );
  const text = JSON.stringify([v8, arch, relevant.toSorted(), transpiler, glueVersion]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
