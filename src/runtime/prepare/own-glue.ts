// Glue of our own making: without the transpiler and its process.

import { PetioleError } from "../../domain/errors.ts";
import { emitGlue } from "../link/emit.ts";
import { resolveComponent } from "../link/resolve.ts";
import type { Artifacts } from "./artifacts.ts";
import { mayWait } from "./transpile-options.ts";
import { reasonOf } from "../../lib/reason.ts";

/**
 * The component's modules are named by their numbers.
 * @throws UnsupportedComponent when it needs what the linker does not have
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export async function linkComponent(bytes: Uint8Array<ArrayBuffer>, source: string): Promise<Artifacts> {
  const plan = resolveComponent(bytes, source);
  const script = emitGlue(plan, { waits: mayWait });
  const size = plan.modules.reduce((sum, { start, end }) => sum + end - start, 0);
  // Parts of the file keep all of it in memory: worth a copy where it is mostly something else, such as debug information.
  const part = (start: number, end: number): Uint8Array<ArrayBuffer> =>
    size * 2 < bytes.byteLength ? bytes.slice(start, end) : bytes.subarray(start, end);
  const modules = new Map(plan.modules.map(({ start, end }, index) => [String(index), part(start, end)]));
  await checkModules(modules, source);
  return { glue: { kind: "linked", script }, modules };
}

/** What is wrong with a core module is told when the component is prepared, not when it is started. */
async function checkModules(modules: Artifacts["modules"], source: string): Promise<void> {
  try {
    await Promise.all([...modules.values()].map((module) => WebAssembly.compile(module)));
  } catch (cause) {
    const found = reasonOf(cause);
    throw new PetioleError("ERR_COMPONENT_INVALID", `Cannot link "${source}": a core module is not valid: ${found}`, {
      cause,
    });
  }
}
