// Makes a WebAssembly component of one TypeScript entry file and the WIT world beside it.

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { componentize } from "componentize-qjs";
import { rolldown } from "rolldown";
import { writeFileAtomic } from "../src/lib/files.ts";
import { pageText } from "./page-text.ts";

const WIT_FOLDER = fileURLToPath(new URL("../wit/", import.meta.url));

// `wasi:keyvalue/store@0.2.0-draft` and the like are provided when the component is made. `node:` is not among them:
// a guest has no Node modules, and leaving such an import in would only fail when the component starts.
const WIT_SPECIFIER = /^(?!node:)[a-z][a-z0-9-]*:[a-z][a-z0-9-]*\//;

/**
 * HTTP, and the streams that others pass, go by other names while the component is made. The tool runs the guest once on a WASI
 * of its own, which has streams but nothing that uses them, and refuses what does. The names have the same length: lengths
 * and offsets in the component stay right.
 */
const VEILED = [
  ["wasi:http/", "wasj:http/"],
  ["wasi:http@", "wasj:http@"],
  ["wasi:io/", "wasj:io/"],
  ["wasi:io@", "wasj:io@"],
] as const;

const needsVeil = (world: string): boolean => /wasi:(?:http|blobstore)\//.test(world);

const veil = (text: string): string => VEILED.reduce((rest, [name, other]) => rest.replaceAll(name, other), text);

function unveil(component: Buffer): Buffer {
  const text = component.toString("latin1");
  if (!text.includes("wasj:")) return component;
  return Buffer.from(
    VEILED.reduce((rest, [name, other]) => rest.replaceAll(other, name), text),
    "latin1",
  );
}

export interface ComponentSource {
  /** The file whose exports are those of the world. */
  readonly entry: string;
  /** Folder with `world.wit`. Packages of this project's `wit/` folder may be named in it. */
  readonly wit: string;
  /** The world of the component, when the file has several. */
  readonly world?: string;
  /** The component file to write; its folder is made when missing. */
  readonly out: string;
}

export interface BuiltComponent {
  /** Size of the component in bytes. */
  readonly size: number;
}

/** Bundles `entry`, embeds it in a QuickJS component for the world and writes the component. */
export async function buildComponent(source: ComponentSource): Promise<BuiltComponent> {
  const { code } = await bundle(source.entry);
  const jsSource = needsVeil(code) ? veil(code) : code;
  await using packages = await assembleWit(source.wit);
  // Not `stubWasi`: that replaces every `wasi:` import by a trap, the ones of the world included. What is left in are
  // the WASI 0.2 imports of QuickJS itself, which the runtime serves.
  const world = source.world === undefined ? {} : { world: source.world };
  const made = await componentize({ witPath: packages.folder, jsSource, ...world, sync: true, optSize: true });
  const component = unveil(made.component);
  await mkdir(dirname(source.out), { recursive: true });
  await writeFileAtomic(source.out, component, 0o644);
  return { size: component.byteLength };
}

/**
 * The same for a core module in text form, with exports and imports named as the canonical ABI has it: for components
 * that do what no language's tools would produce.
 */
export async function buildCoreComponent(source: ComponentSource): Promise<BuiltComponent> {
  // Loaded only here: it brings WASI shims that start a thread.
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  const core = await tools.parse(await readFile(source.entry, "utf8"));
  const embedded = await tools.componentEmbed({ binary: core, witSource: await readWitSource(source.wit) });
  const component = await tools.componentNew(embedded);
  await mkdir(dirname(source.out), { recursive: true });
  await writeFileAtomic(source.out, component, 0o644);
  return { size: component.byteLength };
}

/** Paths of the WIT files that any world may use: the project's own packages and those it depends on. */
export async function sharedWitFiles(): Promise<readonly string[]> {
  const folders = [WIT_FOLDER, join(WIT_FOLDER, "deps")];
  const files = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(folder)).filter((name) => name.endsWith(".wit")).map((name) => join(folder, name)),
    ),
  );
  return files.flat().sort();
}

/**
 * The world and all shared packages as one WIT text: each shared package becomes a nested one, which is the form that
 * a WIT parser without a file system understands.
 */
export async function readWitSource(wit: string): Promise<string> {
  const shared = await Promise.all((await sharedWitFiles()).map((file) => readFile(file, "utf8")));
  return [await readFile(join(wit, "world.wit"), "utf8"), ...shared.map(nestPackage)].join("\n");
}

/** Turns `package a:b@1; …` into `package a:b@1 { … }`. */
export function nestPackage(text: string): string {
  const declaration = /^package ([^;{]+);/m;
  if (!declaration.test(text)) throw new Error(`Cannot nest a WIT package: found no "package name;" in "${text}"`);
  return `${text.replace(declaration, "package $1 {")}\n}\n`;
}

export interface Bundle {
  readonly code: string;
  /** Absolute paths of the files that went into it. */
  readonly modules: readonly string[];
}

/** One ES module of `entry` and what it imports; imports of WIT interfaces stay. */
export async function bundle(entry: string): Promise<Bundle> {
  await using build = await rolldown({
    input: entry,
    platform: "neutral",
    external: WIT_SPECIFIER,
    plugins: [pageText()],
    // An import that cannot be resolved would end up in the component as a name that nothing serves.
    onLog: (level, log) => {
      if (level === "warn") throw new Error(`Cannot bundle "${entry}": ${log.message}`);
    },
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  return { code: output[0].code, modules: await build.watchFiles };
}

async function assembleWit(wit: string): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-wit-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const world = await readFile(join(wit, "world.wit"), "utf8");
    const isVeiled = needsVeil(world);
    await writeFile(join(folder, "world.wit"), isVeiled ? veil(world) : world);
    for (const file of await sharedWitFiles()) {
      const target = join(folder, "deps", basename(file, ".wit"));
      await mkdir(target, { recursive: true });
      const text = await readFile(file, "utf8");
      await writeFile(join(target, basename(file)), isVeiled ? veil(text) : text);
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { folder, [Symbol.asyncDispose]: remove };
}
