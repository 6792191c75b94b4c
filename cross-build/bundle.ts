// Makes the sources into the files that the executable carries: its main program in chunks, of which only those are
// read that are used (chunk-loader.ts), and one file for each kind of thread.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown, type InputOptions, type OutputChunk, type Plugin, type RolldownOutput } from "rolldown";
import { moduleSource, SHIM } from "../src/runtime/prepare/transpiler-modules.ts";
import { BUILD_ID, PROGRAMS, type ThreadProgram } from "../src/lib/parts.ts";
import type { ChunkTable } from "./chunk-loader.ts";
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

/** Not there, and not missed: what packages try to load. */
const EXTERNAL = [/^node:/, "pg-native", "bufferutil", "utf-8-validate"];

const THREADS = ["component-worker", "store-worker", "sql-worker"] as const satisfies readonly ThreadProgram[];

export interface Bundle {
  readonly main: string;
  /** In Latin-1. */
  readonly files: ReadonlyMap<string, string>;
  /** Every module that is inside, as a path from the repository's root. */
  readonly modules: readonly string[];
}

const MAIN = "petiole";
const LOADER = "chunk-loader";
const ENDING = ".cjs";
const PACK = "chunks";
const TABLE = "chunks.json";

/** @throws Error when a module is not found or cannot be bundled */
export async function bundle(): Promise<Bundle> {
  const outputs = [await bundleMain(), ...(await Promise.all(THREADS.map(bundleThread)))];
  const chunks = outputs.flatMap(({ output }) =>
    output.map((one) => {
      if (one.type !== "chunk") throw new Error(`Cannot bundle: "${one.fileName}" is no program`);
      return one;
    }),
  );
  const codes = new Map(chunks.map(({ fileName, code }) => [fileName, inLatin1(evaluatedAtOnce(code))]));
  const program = pack(
    chunks
      .filter(({ name }) => !isAlone(name))
      .map(({ fileName, exports }) => ({ fileName, exports, code: codes.get(fileName) ?? "" })),
  );
  const alone = [...codes].filter(([name]) => isAlone(name.slice(0, -ENDING.length)));
  const digest = createHash("sha256")
    .update(JSON.stringify([...codes]))
    .digest("hex");
  return {
    main: `${MAIN}${ENDING}`,
    files: new Map([...alone, [PACK, program.pack], [TABLE, program.table], [BUILD_ID, digest]]),
    modules: [...new Set(chunks.flatMap(modulesOf))].sort(),
  };
}

/** What is read by itself: by Node, or for a thread. */
const isAlone = (name: string): boolean => [MAIN, ...THREADS].some((one) => one === name);

interface Chunk {
  readonly fileName: string;
  readonly exports: readonly string[];
  readonly code: string;
}

/** All chunks in one text, and where they are in it: Node takes longer to find an asset than to read most chunks. */
function pack(chunks: readonly Chunk[]): { readonly pack: string; readonly table: string } {
  let offset = 0;
  const table: ChunkTable = Object.fromEntries(
    chunks.map(({ fileName, exports, code: { length } }) => {
      offset += length;
      return [fileName, [offset - length, length, ...exports]];
    }),
  );
  return { pack: chunks.map(({ code }) => code).join(""), table: JSON.stringify(table) };
}

/** A dynamic import wants its module evaluated; all else waits until it is used. */
const evaluatedAtOnce = (code: string): string => code.replaceAll('.then(()=>require("./', '.then(()=>require.now("./');

/** V8 keeps a text with one character beyond Latin-1 in twice the memory. All of these stand where escapes mean the same. */
const inLatin1 = (code: string): string =>
  code.replaceAll(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

function modulesOf({ moduleIds }: OutputChunk): string[] {
  return moduleIds.filter((id) => id.startsWith(ROOT)).map((id) => id.slice(ROOT.length));
}

async function bundleMain(): Promise<RolldownOutput> {
  const loader = await bundleLoader();
  await using build = await open(
    { [MAIN]: `${ROOT}src/cli/executable.ts` },
    // Nobody imports the program itself.
    { preserveEntrySignatures: false },
  );
  // Beside each other, so that a module finds what belongs to it whatever chunk it is in. Scripts, not modules: of those
  // Node keeps the text twice, and a module that imports a part of Node makes everything that this part offers, such as
  // the whole of `fetch` for node:http. That is 2.5 MB of memory.
  return await build.generate({
    format: "cjs",
    minify: MINIFY,
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    minifyInternalExports: false,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: chunkOf, debugName: "modules" }],
    },
    banner: ({ name }) => (name === MAIN ? loader : ""),
  });
}

/** Replaces `require` of the module that it stands in. */
async function bundleLoader(): Promise<string> {
  const { output } = await bundleScript(LOADER, "cross-build/chunk-loader.ts");
  const deps = `{builtin:require,pack:"${PACK}",table:"${TABLE}"}`;
  return `require=(exports=>{${output[0].code};return exports.chunkLoader})({})(${deps});`;
}

const bundleThread = async (name: ThreadProgram): Promise<RolldownOutput> => await bundleScript(name, PROGRAMS[name]);

async function bundleScript(name: string, source: string): Promise<RolldownOutput> {
  await using build = await open({ [name]: `${ROOT}${source}` });
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

function open(input: Readonly<Record<string, string>>, options: InputOptions = {}): ReturnType<typeof rolldown> {
  return rolldown({
    ...options,
    input: { ...input },
    cwd: ROOT,
    platform: "node",
    external: EXTERNAL,
    plugins: [addonLoaders(), pageAssets(), assetAddresses(), transpilerShims()],
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

/** Modules that read files beside themselves, which in the executable are assets. */
const BESIDE = /\/jco-transpile\/vendor\/js-component-bindgen-component\.js$/;

function assetAddresses(): Plugin {
  return {
    name: "asset-addresses",
    async load(id) {
      if (!BESIDE.test(id)) return null;
      const code = await readFile(id, "utf8");
      const address = `const BESIDE = pathToFileURL(assetFile("${basename(id)}")).href;`;
      return `import { pathToFileURL } from "node:url"; import { assetFile } from ${JSON.stringify(PARTS)}; ${address}
${code.replaceAll("import.meta.url", "BESIDE")}`;
    },
  };
}

const STAND_IN = "\0transpiler-shim:";

/** In a checkout, hooks of Node's loader do this; src/runtime/prepare/transpiler-wasi.ts. */
function transpilerShims(): Plugin {
  return {
    name: "transpiler-shims",
    resolveId: (id) => (id.startsWith(SHIM) ? STAND_IN + id.slice(SHIM.length) : null),
    load: (id) => (id.startsWith(STAND_IN) ? moduleSource(id.slice(STAND_IN.length)) : null),
  };
}

/** Each source is a chunk of its own, and each package. */
function chunkOf(id: string): string | null {
  const path = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(id);
  if (path?.[1] !== undefined) return path[1].replaceAll(/[@]/g, "").replaceAll("/", ".");
  if (id.startsWith(STAND_IN)) return `transpiler-shim.${id.slice(STAND_IN.length)}`;
  return id.startsWith(ROOT)
    ? id
        .slice(ROOT.length)
        .replace(/^src\//, "")
        .replace(/\.ts$/, "")
        .replaceAll("/", ".")
    : null;
}
