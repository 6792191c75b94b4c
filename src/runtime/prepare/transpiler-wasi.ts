// The transpiler is itself a component, on WASI shims that start a thread and take tens of megabytes. Here it runs on
// what our guests run on.

import { registerHooks } from "node:module";
import { createWasi } from "../wasi/index.ts";
import { moduleSource, SHIM, TRANSPILER_WASI } from "./transpiler-modules.ts";

const HERE = "petiole-wasi:";
const GLOBAL = Symbol.for(TRANSPILER_WASI);

/** From here on the modules of the shims resolve to our WASI; call before the transpiler is imported. */
export function stubTranspilerWasi(): void {
  const wasi = createWasi({
    id: "transpiler",
    env: {},
    config: () => ({}),
    maxRandomBytes: 65_536,
    // What the transpiler prints goes where the child's own messages go.
    print: (_stream, line) => process.stderr.write(`${line}\n`),
    log: () => {},
    grants: { folders: [], network: [] },
    suspend: (arm) => new Promise((resume) => void arm(resume)),
  });
  Object.defineProperty(globalThis, GLOBAL, { value: wasi.interfaces });
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier.startsWith(SHIM)
        ? { url: HERE + specifier.slice(SHIM.length), shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) =>
      url.startsWith(HERE)
        ? { format: "module", source: moduleSource(url.slice(HERE.length)), shortCircuit: true }
        : next(url, context),
  });
}
