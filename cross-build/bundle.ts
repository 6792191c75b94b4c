// Makes the sources into the files that the executable carries: its main program in chunks, of which only those are
// read that are used, and one file for each kind of thread.

import { fileURLToPath } from "node:url";
import { rolldown, type OutputChunk, type Plugin, type RolldownOutput } from "rolldown";
import { PROGRAMS, type ThreadProgram } from "../src/lib/parts.ts";
import { pageAssets } from "./page.ts";

export const ROOT = fileURLToPath(new URL("../", import.meta.url));
const PARTS = `${ROOT}src/lib/parts.ts`;

/**
 * Modules that are others in the executable. What packages of npm load by a file name, by the names of ADDONS; and the
 * toolchain for components, which is in the npm package only.
 */
const LOADERS: readonly { readonly module: RegExp; readonly code: string }[] = [
  {
    module: /\/src\/cli\/toolchain\/commands\.ts$/,
    code: 'export { addToolchainHints as addToolchainCommands } from "./absent.ts";',
  },
  {
    module: /\/better-sqlite3\/lib\/binding\.js$/,
    code: "exports.getBinding = (binding) => binding ?? (cached ??= loadAddon(assetFile('better-sqlite3.node')));",
  },
  {
    module: /\/@serialport\/bindings-cpp\/dist\/serialport-bindings\.js$/,
    code: "exports.binding = loadAddon(assetFile('serialport.node'));",
  },
];

/** Add-ons of npm packages that the loaders above ask for, and where the packages have them. */
export const ADDONS = {
  "better-sqlite3.node": (target: string): string => `node_modules/better-sqlite3/prebuilds/${target}.node`,
  "serialport.node": (target: string): string =>
    `node_modules/@serialport/bindings-cpp/prebuilds/${target}/@serialport+bindings-cpp${target === "linux-arm64" ? ".armv8" : ""}.glibc.node`,
} as const;

/** Not there, and not missed: what packages try to load, and the shims that src/runtime/prepare/ stands in for. */
const EXTERNAL = [/^node:/, "pg-native", "bufferutil", "utf-8-validate", /^@bytecodealliance\/preview2-shim\//];

const THREADS = ["component-worker", "store-worker", "sql-worker"] as const satisfies readonly ThreadProgram[];

export interface Bundle {
  readonly main: string;
  readonly files: ReadonlyMap<string, string>;
  /** Every module that is inside, as a path from the repository's root. */
  readonly modules: readonly string[];
}

const MAIN = "petiole";

/** @throws Error when a module is not found or cannot be bundled */
export async function bundle(): Promise<Bundle> {
  const outputs = [await bundleMain(), ...(await Promise.all(THREADS.map(bundleThread)))];
  const chunks = outputs.flatMap(({ output }) =>
    output.map((one) => {
      if (one.type !== "chunk") throw new Error(`Cannot bundle: "${one.fileName}" is no program`);
      return one;
    }),
  );
  return {
    main: `${MAIN}.cjs`,
    files: new Map(chunks.map(({ fileName, code }) => [fileName, inAscii(code)])),
    modules: [...new Set(chunks.flatMap(modulesOf))].sort(),
  };
}

/** V8 keeps a text with one character beyond Latin-1 in twice the memory. All of these stand where escapes mean the same. */
const inAscii = (code: string): string =>
  code.replaceAll(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function modulesOf({ moduleIds }: OutputChunk): string[] {
  return moduleIds.filter((id) => id.startsWith(ROOT)).map((id) => id.slice(ROOT.length));
}

async function bundleMain(): Promise<RolldownOutput> {
  await using build = await open({ [MAIN]: `${ROOT}src/cli/executable.ts` });
  // Beside each other, so that a module finds what belongs to it whatever chunk it is in. Scripts, not modules: of those
  // Node keeps the text twice, and a module that imports a part of Node makes everything that this part offers, such as
  // the whole of `fetch` for node:http. That is 2.5 MB of memory.
  return await build.generate({
    format: "cjs",
    minify: MINIFY,
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
  });
}

async function bundleThread(name: ThreadProgram): Promise<RolldownOutput> {
  await using build = await open({ [name]: `${ROOT}${PROGRAMS[name]}` });
  return await build.generate({ format: "cjs", minify: MINIFY, entryFileNames: "[name].cjs", codeSplitting: false });
}

/** A directive of the transpiler that only says what it was made of. */
const HARMLESS = new Set(["MODULE_LEVEL_DIRECTIVE"]);

// The names of functions and classes are kept: reports of errors show them.
const MINIFY = {
  compress: { keepNames: { function: true, class: true } },
  mangle: { keepNames: { function: true, class: true } },
  codegen: { removeWhitespace: true },
} as const;

function open(input: Readonly<Record<string, string>>): ReturnType<typeof rolldown> {
  return rolldown({
    input: { ...input },
    cwd: ROOT,
    platform: "node",
    external: EXTERNAL,
    plugins: [addonLoaders(), pageAssets()],
    transform: { define: { "process.env.NODE_ENV": '"production"' } },
    onLog(level, log) {
      if (level === "warn" && !HARMLESS.has(log.code ?? "")) throw new Error(`Cannot bundle: ${log.message}`);
    },
  });
}

/** Packages look for their add-ons beside their modules; here they get those that the executable carries. */
function addonLoaders(): Plugin {
  return {
    name: "addon-loaders",
    load(id) {
      const loader = LOADERS.find(({ module }) => module.test(id));
      if (loader === undefined) return null;
      if (id.endsWith(".ts")) return loader.code;
      return `const { assetFile, loadAddon } = require(${JSON.stringify(PARTS)}); let cached; ${loader.code}`;
    },
  };
}
