// What stands in for the modules of the shims that the transpiler imports.

export const SHIM = "@bytecodealliance/preview2-shim/";
export const TRANSPILER_WASI = "petiole.transpiler-wasi";

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

/** The text of the module that stands in for one of the shims, by its name below `SHIM`. */
export function moduleSource(module: string): string {
  const lines = Object.entries(MODULES[module] ?? {}).map(
    ([name, interfaceName]) => `export const ${name} = wasi[${JSON.stringify(interfaceName)}];`,
  );
  return [`const wasi = globalThis[Symbol.for(${JSON.stringify(TRANSPILER_WASI)})];`, ...lines].join("\n");
}
