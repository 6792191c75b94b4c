// Types of the WIT interfaces that a guest written in TypeScript imports and exports, and the check against them.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { $init, generateTypes } from "@bytecodealliance/jco-transpile/component";
import { readWitSource } from "./componentize.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const TSC = join(ROOT, "node_modules/.bin/tsc");

// Outside the generated folders: those of the test components are in the project's own type check, which has Node's.
const GLOBALS_FILE = join(ROOT, ".cache/guest/globals.d.ts");
// What QuickJS has beyond the language, and what the bundler makes text of; what is not declared here does not compile. There
// is no console: guests log through wasi:logging.
const GLOBALS = `declare const performance: { now(): number };
declare function atob(data: string): string;
declare function btoa(data: string): string;
declare module "*?text" {
  const text: string;
  export default text;
}
declare module "*?browser" {
  const text: string;
  export default text;
}
`;

export interface GuestTypes {
  readonly entry: string;
  /** Folder with `world.wit`. */
  readonly wit: string;
  /** Of several in the same file; the first one otherwise. */
  readonly world?: string;
  /** Folder for what is generated; the interfaces of several worlds may share one. */
  readonly types: string;
}

/** Writes ambient declarations of the world's interfaces to `types`, and a tsconfig for the guest. Returns its path. */
export async function writeGuestTypes(guest: GuestTypes): Promise<string> {
  await $init;
  const witSource = await readWitSource(guest.wit);
  const world = guest.world ?? worldName(witSource);
  const files = generateTypes(world, {
    wit: { tag: "source", val: witSource },
    ...(guest.world !== undefined && { world: guest.world }),
    guest: true,
    features: { tag: "all" },
  });
  for (const [file, content] of files) {
    // jco declares a 64-bit integer as a bigint; QuickJS's bindings give and take a number, exact up to 2^53. They have lists of
    // bytes as typed arrays, and no others.
    const types = Buffer.from(content)
      .toString()
      .replaceAll(/\b(?:Int8|Uint16|Int16|Uint32|Int32|BigUint64|BigInt64|Float32|Float64)Array\b/g, "number[]")
      .replaceAll(/\bbigint\b/g, "number");
    await write(join(guest.types, file), types);
  }
  const module = moduleName(files, `${world}.d.ts`);
  await write(GLOBALS_FILE, GLOBALS);
  // A guest that lacks an export of its world, or has one of the wrong type, fails here and not when it is called.
  const entry = toImport(guest.types, guest.entry);
  await write(
    join(guest.types, `${world}.check.ts`),
    `import type * as world from "${module}";\nimport * as guest from "${entry}";\n` +
      `guest satisfies typeof world;\n`,
  );
  const config = join(guest.types, `${world}.tsconfig.json`);
  await write(config, JSON.stringify(tsconfig(guest.types, world), null, 2));
  return config;
}

/** Type-checks a guest. Throws with the compiler's report when it has faults. */
export async function checkGuest(config: string): Promise<void> {
  try {
    await promisify(execFile)(TSC, ["-p", config, "--pretty", "false"], { cwd: ROOT });
  } catch (error) {
    const report = error instanceof Error && "stdout" in error ? String(error.stdout) : String(error);
    throw new Error(`Cannot type-check "${relative(ROOT, config)}":\n${report}`, { cause: error });
  }
}

function tsconfig(types: string, world: string): unknown {
  return {
    extends: toImport(types, join(ROOT, "tsconfig.json")),
    compilerOptions: { lib: ["esnext"], types: [] },
    include: [],
    files: [`${world}.d.ts`, toImport(types, GLOBALS_FILE), `${world}.check.ts`],
  };
}

function worldName(witSource: string): string {
  const world = /^\s*world ([a-z][a-z0-9-]*)/m.exec(witSource)?.[1];
  if (world === undefined) throw new Error(`Cannot find the world in "${witSource}"`);
  return world;
}

/** The module that the world's declarations declare: its package and name, with the version when it has one. */
function moduleName(files: readonly (readonly [string, Uint8Array])[], worldFile: string): string {
  const text = Buffer.from(files.find(([file]) => file === worldFile)?.[1] ?? []).toString();
  const name = /^declare module '([^']+)'/m.exec(text)?.[1];
  if (name === undefined) throw new Error(`Cannot find the module of the world in "${text}"`);
  return name;
}

function toImport(from: string, to: string): string {
  const path = relative(from, to);
  return path.startsWith(".") ? path : `./${path}`;
}

async function write(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}
