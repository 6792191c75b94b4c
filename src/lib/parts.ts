// Where those parts of petiole are that are files of their own: beside the sources in a checkout; inside the program where
// petiole is a single executable (cross-build/).

import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { getAssetKeys, getRawAsset, isSea } from "node:sea";
import { fileURLToPath } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { openMemoryAddons, type MemoryAddons } from "./memory-addons.ts";

/** What runs in a thread or a process of its own, and where the sources have it. */
export const PROGRAMS = {
  "component-worker": "src/runtime/worker/entry.ts",
  "store-worker": "src/adapters/store/worker.ts",
  "sql-worker": "providers/sql/sqlite/worker.ts",
  transpile: "src/runtime/prepare/child.ts",
  "compile-ahead": "src/runtime/aot/child.ts",
} as const;

export type ThreadProgram = "component-worker" | "store-worker" | "sql-worker";
export type ProcessProgram = "transpile" | "compile-ahead";

/** Our libraries of machine code, from native/. */
export type NativeLibrary =
  | "petiole-native.node"
  | "petiole-device-io.node"
  | "petiole-memory-file.node"
  | "petiole-target-cpu.so";

const HOST = `${process.platform}-${process.arch}`;
/** Marks the word on the executable's command line that names a program. */
const PROGRAM_MARK = "@";
/** The asset that tells one build from another. */
export const BUILD_ID = "build-id";
const ASSET_SCHEME = "petiole-asset:";

/** Whether petiole is a single executable here. */
export function isExecutable(): boolean {
  return isSea();
}

/** Tells one build of the executable from another; undefined in a checkout, whose sources may change under it. */
export function buildId(): string | undefined {
  return isSea() ? readAsset(BUILD_ID).toString() : undefined;
}

/** Where a thread's program is; inside the executable it is no file, and only `startThread` can read it. */
export function threadProgram(name: ThreadProgram): URL {
  return isSea() ? new URL(`${ASSET_SCHEME}${name}.cjs`) : sourceFile(PROGRAMS[name]);
}

/** Starts a thread. */
export function startThread(program: URL, options: WorkerOptions): Worker {
  if (program.protocol !== ASSET_SCHEME) return new Worker(program, options);
  // Threads find what this one made.
  memoryAddons();
  return new Worker(readAsset(program.pathname).toString("latin1"), { ...options, eval: true });
}

/**
 * Command line of a program in a process of its own, with `flags` for Node; `executable` when it is another one than
 * this process runs.
 */
export function processCommand(
  name: ProcessProgram,
  flags: readonly string[],
  executable = process.execPath,
): [string, ...string[]] {
  if (!isSea()) return [executable, ...flags, fileURLToPath(sourceFile(PROGRAMS[name]))];
  return [executable, `--node-options=${flags.join(" ")}`, `${PROGRAM_MARK}${name}`];
}

/** The program that the executable was started for by processCommand(); undefined when people started it. */
export function requestedProgram(argv: readonly string[]): ProcessProgram | undefined {
  const name = argv[2]?.startsWith(PROGRAM_MARK) === true ? argv[2].slice(PROGRAM_MARK.length) : undefined;
  return name === "transpile" || name === "compile-ahead" ? name : undefined;
}

/** Where one of our libraries is for a machine such as "linux-arm64"; there need not be any. */
export function nativeLibrary(name: NativeLibrary, target = HOST): string {
  if (isSea()) return join(assetFolder(), target === HOST ? name : join(target, name));
  return fileURLToPath(sourceFile(`native/build/${target}/${name}`));
}

/** Loads a C++ add-on; out of the executable without a file on the disk. @throws Error when it cannot be loaded */
export function loadAddon(file: string): unknown {
  return isSea() ? memoryAddons().load(basename(file)) : createRequire(file)(file);
}

/** The content of a file that the executable carries: part of its own memory, and only to be read. */
export function readAsset(name: string): Buffer {
  return Buffer.from(getRawAsset(name));
}

/**
 * A path under which what reads or loads whole files finds one that the executable carries.
 * @public cross-build/bundle.ts makes packages call it
 */
export function assetFile(name: string): string {
  return join(assetFolder(), name);
}

/** In the npm package, which mirrors the sources, programs are JavaScript. */
function sourceFile(path: string): URL {
  const isCompiled = import.meta.url.endsWith(".js");
  return new URL(`../../${isCompiled ? path.replace(/\.ts$/, ".js") : path}`, import.meta.url);
}

// Of this thread.
const inside: { folder?: string; addons?: MemoryAddons } = {};

function memoryAddons(): MemoryAddons {
  inside.addons ??= openMemoryAddons({ read: (name) => new Uint8Array(getRawAsset(name)), locate: assetFile });
  return inside.addons;
}

function assetFolder(): string {
  inside.folder ??= serveAssets();
  return inside.folder;
}

/** A file system of the files in the executable; no more than reading them whole is offered. */
function serveAssets(): string {
  const vfs = process.getBuiltinModule("node:vfs");
  class Assets extends vfs.VirtualProvider {
    override get readonly(): boolean {
      return true;
    }
    existsSync(path: string): boolean {
      return getAssetKeys().includes(nameOf(path));
    }
    readFileSync(path: string): Buffer {
      return readAsset(nameOf(path));
    }
    async readFile(path: string): Promise<Buffer> {
      return this.readFileSync(path);
    }
  }
  const nameOf = (path: string): string => path.replace(/^\/+/, "");
  // What Node's types do not have yet.
  const assets = vfs.create(new Assets()) as unknown as { mount(): string };
  return assets.mount();
}
