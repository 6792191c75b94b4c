// Where those parts of petiole are that are files of their own: beside the sources in a checkout; inside the program,
// on a file system that Node serves from it, where petiole is a single executable (cross-build/).

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread, Worker, type WorkerOptions } from "node:worker_threads";
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

/** Whether petiole is a single executable here. */
export function isExecutable(): boolean {
  return isSea();
}

/** Where a thread's program is. */
export function threadProgram(name: ThreadProgram): URL {
  return isSea() ? pathToFileURL(join(assetFolder(), `${name}.cjs`)) : sourceFile(PROGRAMS[name]);
}

/** Starts a thread. What is inside the executable has no file that the thread itself could open. */
export function startThread(program: URL, options: WorkerOptions): Worker {
  if (!isSea() || !fileURLToPath(program).startsWith(assetFolder())) return new Worker(program, options);
  // Threads find what this one made.
  memoryAddons();
  return new Worker(readFileSync(program, "utf8"), { ...options, eval: true });
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

/** A file that the executable carries. */
export function assetFile(name: string): string {
  return join(assetFolder(), name);
}

/** In the npm package, which mirrors the sources, programs are JavaScript. */
function sourceFile(path: string): URL {
  const isCompiled = import.meta.url.endsWith(".js");
  return new URL(`../../${isCompiled ? path.replace(/\.ts$/, ".js") : path}`, import.meta.url);
}

// Node serves what is inside the executable to the main thread only.
const inThread: { folder?: string; addons?: MemoryAddons } = {};

function memoryAddons(): MemoryAddons {
  inThread.addons ??= openMemoryAddons({ read: (name) => new Uint8Array(getRawAsset(name)), locate: assetFile });
  return inThread.addons;
}

function assetFolder(): string {
  if (isMainThread) return import.meta.dirname;
  inThread.folder ??= serveAssets();
  return inThread.folder;
}

/** Makes a thread see the files of the executable; no more than reading them whole is offered. */
function serveAssets(): string {
  const vfs = process.getBuiltinModule("node:vfs");
  class Assets extends vfs.VirtualProvider {
    override get readonly(): boolean {
      return true;
    }
    existsSync(): boolean {
      return true;
    }
    readFileSync(path: string): Buffer {
      return Buffer.from(getRawAsset(basename(path)));
    }
  }
  // What Node's types do not have yet.
  const assets = vfs.create(new Assets()) as unknown as { mount(): string };
  return assets.mount();
}
