// Stands before the program in the executable, and is what `require` is there: it reads the program's chunks, of which each
// source is one, out of the executable. A chunk is evaluated when something of it is used for the first time, not when
// another one imports it: most of what a program can do, it does not do before it is ready, or ever. No module of ours
// does anything but define when it is evaluated, so nobody can tell.
//
// Node's own loader would go through a file system, of which it looks through every folder for each chunk.

import type * as Sea from "node:sea";
import { compileFunction, constants } from "node:vm";

export interface LoaderDeps {
  /** Node's. */
  readonly builtin: (id: string) => object;
  /** Asset with all chunks, in Latin-1. */
  readonly pack: string;
  /** Asset that says where in the pack they are, a ChunkTable. */
  readonly table: string;
}

/** Where each chunk begins, how long it is, and the names that it exports. */
export type ChunkTable = Readonly<Record<string, readonly [offset: number, length: number, ...names: string[]]>>;

interface ChunkRequire {
  /** What has the exports, whenever somebody takes one. */
  (id: string): object;
  /** The same of a chunk that is evaluated at once: what a dynamic import asks for. */
  now(id: string): object;
}

type Exports = Record<string, unknown>;
type Run = (exports: Exports, require: ChunkRequire, module: object, __filename: string, __dirname: string) => void;

/** Parts of Node that take long to load, and that only some of what imports them uses. */
const LARGE: ReadonlySet<string> = new Set(
  ["child_process", "crypto", "dgram", "dns", "http", "https", "net", "tls", "v8", "worker_threads", "zlib"].map(
    (name) => `node:${name}`,
  ),
);

export function chunkLoader(deps: LoaderDeps): ChunkRequire {
  const { builtin } = deps;
  const { getRawAsset } = builtin("node:sea") as typeof Sea;
  const pack = Buffer.from(getRawAsset(deps.pack));
  const table = JSON.parse(Buffer.from(getRawAsset(deps.table)).toString()) as ChunkTable; // Made by bundle.ts.
  const found = new Map<string, { readonly exports: object; readonly evaluate: () => void }>();

  function chunk(file: string): { readonly exports: object; readonly evaluate: () => void } {
    const known = found.get(file);
    if (known !== undefined) return known;
    const place = table[file];
    if (place === undefined) throw notFound(file);
    const [offset, length, ...names] = place;
    // What it exports becomes its own when it is evaluated: defined once, V8 reads it as fast as a variable. Until then
    // the object inherits it.
    const exports = Object.create(new Proxy({}, { get: late })) as Exports;
    let isEvaluated = false;
    const evaluate = (): void => {
      if (isEvaluated) return;
      isEvaluated = true;
      try {
        const run = compileFunction(
          pack.toString("latin1", offset, offset + length),
          ["exports", "require", "module", "__filename", "__dirname"],
          {
            filename: file,
            importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
          },
        ) as Run; // Made by our own build.
        run(exports, require, { exports }, file, "");
      } catch (error) {
        isEvaluated = false;
        throw error;
      }
    };
    function late(target: object, name: string | symbol): unknown {
      if (typeof name === "symbol" || !names.includes(name)) return Reflect.get(target, name);
      if (isEvaluated) throw new Error(`"${file}" has no "${name}" yet: it is in a circle of imports`);
      evaluate();
      return exports[name];
    }
    const made = { exports, evaluate };
    found.set(file, made);
    return made;
  }

  function partOfNode(id: string): object {
    try {
      return builtin(id);
    } catch (cause) {
      throw notFound(id, cause);
    }
  }

  function large(id: string): object {
    let part: object | undefined;
    return new Proxy({}, { get: (_target, name) => Reflect.get((part ??= builtin(id)), name) as unknown });
  }

  const parts = new Map<string, object>();
  const require = (id: string): object => {
    if (id.startsWith("./")) return chunk(id.slice(2)).exports;
    if (!LARGE.has(id)) return partOfNode(id);
    const part = parts.get(id) ?? large(id);
    parts.set(id, part);
    return part;
  };
  require.now = (id: string): object => {
    const { exports, evaluate } = chunk(id.slice(2));
    evaluate();
    return exports;
  };
  return require;
}

/** Packages ask for what they can do without, and know it by this code. */
function notFound(id: string, cause?: unknown): Error {
  return Object.assign(new Error(`Found no module "${id}"`, { cause }), { code: "MODULE_NOT_FOUND" });
}
