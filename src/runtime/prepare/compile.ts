// Compiles core modules, or takes their machine code from a cache entry.

import { PetioleError } from "../../domain/errors.ts";
import { limitModule, ModuleLimitError, type ModuleLimits } from "../limit-module.ts";
import type { MachineCode } from "../machine-code/addon.ts";
import type { Artifacts } from "./artifacts.ts";
import type { CachedModule, EntryContent } from "./entry-format.ts";
import { reasonOf } from "../../lib/reason.ts";

/** What of an entry is not its id. */
export type EntryCode = Pick<EntryContent, "warmUpCalls" | "glue" | "modules">;

export interface Compiled {
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly code: EntryCode;
  /** True when the cache has not got `code`. */
  readonly changed: boolean;
}

/** @throws PetioleError ERR_COMPONENT_MEMORY, ERR_COMPONENT_INVALID */
export async function compileArtifacts(artifacts: Artifacts, limits: ModuleLimits, source: string): Promise<Compiled> {
  try {
    const limited = new Map<string, CachedModule>();
    for (const [name, bytes] of artifacts.modules) {
      limited.set(name, { wireBytes: new Uint8Array(limitModule(bytes, limits)) });
    }
    const modules = await mapValues(limited, ({ wireBytes }) => WebAssembly.compile(wireBytes));
    return { modules, code: { warmUpCalls: 0, glue: artifacts.glue, modules: limited }, changed: true };
  } catch (cause) {
    const found = reasonOf(cause);
    const code = cause instanceof ModuleLimitError ? "ERR_COMPONENT_MEMORY" : "ERR_COMPONENT_INVALID";
    throw new PetioleError(code, `Cannot start "${source}": ${found}`, { cause });
  }
}

/** Machine code that V8 does not take is left out of what comes back. */
export async function compileEntry(entry: EntryCode, machineCode: MachineCode | undefined): Promise<Compiled> {
  let refused = false;
  const kept = new Map(entry.modules);
  const modules = await mapValues(entry.modules, ({ wireBytes, machineCode: cached }, name) => {
    if (cached === undefined || machineCode === undefined) return WebAssembly.compile(wireBytes);
    const { accepted, module } = machineCode.load(wireBytes, cached);
    if (!accepted) {
      refused = true;
      kept.set(name, { wireBytes });
    }
    return module;
  });
  const code = refused ? { ...entry, warmUpCalls: 0, modules: kept } : entry;
  return { modules, code, changed: refused };
}

/** True when the code was taken after a warm-up: there is nothing to gain by taking it again. */
export function isProfiled({ warmUpCalls, modules }: EntryCode, machineCode: MachineCode | undefined): boolean {
  if (warmUpCalls === 0) return false;
  return machineCode === undefined || [...modules.values()].some((module) => module.machineCode !== undefined);
}

async function mapValues<T, U>(
  map: ReadonlyMap<string, T>,
  convert: (value: T, key: string) => Promise<U>,
): Promise<ReadonlyMap<string, U>> {
  return new Map(await Promise.all([...map].map(async ([key, value]) => [key, await convert(value, key)] as const)));
}
