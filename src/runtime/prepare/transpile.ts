// Glue by the transpiler, which runs in a process of its own.

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Artifacts } from "./artifacts.ts";
import { GLUE_FILE } from "./child-protocol.ts";
import { runTranspiler, type CompileLimits } from "./run-child.ts";

export interface TranspileDeps {
  readonly clock: Clock;
  readonly limits: CompileLimits;
  /** Command line of the transpiler. */
  readonly transpiler: readonly [string, ...string[]];
}

/** @throws PetioleError ERR_COMPONENT_INVALID, ERR_COMPONENT_PREPARE; the signal's reason when aborted */
export async function transpileComponent(
  deps: TranspileDeps,
  bytes: Uint8Array,
  source: string,
  signal: AbortSignal,
): Promise<Artifacts> {
  try {
    // Not in the cache, which need not be writable.
    const folder = await mkdtemp(join(tmpdir(), "petiole-transpile-"));
    try {
      const input = join(folder, "component.wasm");
      const outputFolder = join(folder, "out");
      await mkdir(outputFolder);
      // The child gets a copy: the file may be replaced meanwhile, and the digest has to be that of what was transpiled.
      await writeFile(input, bytes, { mode: 0o600 });
      const { clock, limits, transpiler: command } = deps;
      const names = await runTranspiler({ source, input, outputFolder, command, limits, clock, signal });
      return await readArtifacts(outputFolder, names);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (cause) {
    if (cause instanceof PetioleError || signal.aborted) throw cause;
    throw new PetioleError("ERR_COMPONENT_PREPARE", `Cannot keep what was made of "${source}": ${String(cause)}`, {
      cause,
    });
  }
}

async function readArtifacts(folder: string, names: readonly string[]): Promise<Artifacts> {
  const modules = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const name of names) {
    if (name.endsWith(".wasm")) modules.set(name, new Uint8Array(await readFile(join(folder, name))));
  }
  return { glue: { kind: "jco", script: await readFile(join(folder, GLUE_FILE), "utf8") }, modules };
}
