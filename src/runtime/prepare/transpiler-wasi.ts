// The transpiler is itself a component, on WASI shims that start a thread and take tens of megabytes. Here it runs on
// what our guests run on.

import { registerHooks } from "node:module";
import { createWasi } from "../wasi/index.ts";

const SHIM = "@bytecodealliance/preview2-shim/";
const HERE = "petiole-wasi:";
const GLOBAL = Symbol.for("petiole.transpiler-wasi");

/** What the transpiler imports from each module of the shims, by the interface that serves it. */
const MODULES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  cli: {
    environment: "wasi:cli/environment",
    exit: "wasi:cli/exit",
    stdin: "wasi:cli/stdin",
    stdout: "wasi:cli/stdout",
    stderr: "wasi:cli/stderr",
    terminalInput: "wasi:cli/terminal-input",
    terminalOutput: "wasi:cli/terminal-output",
    terminalStdin: "wasi:cli/terminal-stdin",
    terminalStdout: "wasi:cli/terminal-stdout",
    terminalStderr: "wasi:cli/terminal-stderr",
  },
  filesystem: { preopens: "wasi:filesystem/preopens", types: "wasi:filesystem/types" },
  io: { error: "wasi:io/error", streams: "wasi:io/streams" },
  random: { random: "wasi:random/random" },
};

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

function moduleSource(module: string): string {
  const lines = Object.entries(MODULES[module] ?? {}).map(
    ([name, interfaceName]) => `export const ${name} = wasi[${JSON.stringify(interfaceName)}];`,
  );
  return [`const wasi = globalThis[Symbol.for(${JSON.stringify(GLOBAL.description)})];`, ...lines].join("\n");
}
