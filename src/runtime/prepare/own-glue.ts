// Glue of our own making: without the transpiler and its process.

import { PetioleError } from "../../domain/errors.ts";
import { VERSION } from "../../domain/version.ts";
import { resolveComponent } from "../link/resolve.ts";
import { UnsupportedComponent } from "../link/unsupported.ts";
import type { Artifacts } from "./artifacts.ts";

/** Part of the engine key. */
export const LINKER = `petiole ${VERSION}`;

/**
 * @throws UnsupportedComponent when it needs what the linker does not have
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export async function linkComponent(bytes: Uint8Array<ArrayBuffer>, source: string): Promise<Artifacts> {
  resolveComponent(bytes, source);
  throw new UnsupportedComponent("glue");
}

/** The transpiler's process does the same for what it makes. */
export async function checkModules(
  modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  source: string,
): Promise<void> {
  try {
    await Promise.all([...modules.values()].map((bytes) => WebAssembly.compile(bytes)));
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new PetioleError("ERR_COMPONENT_INVALID", `Cannot run "${source}": a core module is not valid: ${found}`, {
      cause,
    });
  }
}
