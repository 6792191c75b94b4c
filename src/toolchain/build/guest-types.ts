// Types of the WIT interfaces that a guest written in TypeScript imports and exports, and the check against them.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { PetioleError } from "../../domain/errors.ts";
import { reasonOf } from "../../lib/reason.ts";
import { joinWit, type WitSource } from "../wit/packages.ts";
import { IS_CHECKOUT, SOURCE_CONDITION } from "../place.ts";
import type { Engine } from "./componentise.ts";

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
  readonly wit: WitSource;
  readonly world: string;
  /** Folder for what is generated; the interfaces of several worlds may share one. */
  readonly types: string;
  /** File for the declarations of what the engine has; `types` unless given. */
  readonly globals?: string;
  /** The tsconfig.json whose options hold. */
  readonly base: string;
  readonly engine?: Engine;
}

/**
 * Writes ambient declarations of the world's interfaces to `types`, and a tsconfig for the guest. Returns its path.
 * @throws PetioleError ERR_BUILD_FAILED when the WIT has faults
 */
export async function writeGuestTypes(guest: GuestTypes): Promise<string> {
  const { world, types, engine = "qjs", globals = join(types, "globals.d.ts") } = guest;
  const files = await generate(guest.wit, world);
  for (const [file, content] of files) {
    const text = Buffer.from(content).toString();
    // jco declares a 64-bit integer as a bigint; QuickJS's bindings give and take a number, exact up to 2^53.
    await write(join(types, file), engine === "qjs" ? text.replaceAll(/\bbigint\b/g, "number") : text);
  }
  const module = moduleName(files, `${world}.d.ts`);
  await write(globals, GLOBALS);
  // A guest that lacks an export of its world, or has one of the wrong type, fails here and not when it is called.
  const entry = toImport(types, guest.entry);
  await write(
    join(types, checkName(world)),
    `import type * as world from "${module}";\nimport * as guest from "${entry}";\n` +
      `guest satisfies typeof world;\n`,
  );
  const config = join(types, `${world}.tsconfig.json`);
  const options = {
    extends: toImport(types, guest.base),
    compilerOptions: {
      lib: ["esnext"],
      types: [],
      noEmit: true,
      ...(IS_CHECKOUT && { customConditions: [SOURCE_CONDITION] }),
    },
    include: [],
    files: [`${world}.d.ts`, toImport(types, globals), checkName(world)],
  };
  await write(config, JSON.stringify(options, null, 2));
  return config;
}

/** The file that compares a guest with its world. */
export const checkName = (world: string): string => `${world}.check.ts`;

async function generate(wit: WitSource, world: string): Promise<readonly (readonly [string, Uint8Array])[]> {
  const { $init, generateTypes } = await import("@bytecodealliance/jco-transpile/component");
  await $init;
  try {
    const source = { tag: "source" as const, val: joinWit(wit) };
    return generateTypes(world, { wit: source, world, guest: true, features: { tag: "all" } });
  } catch (cause) {
    // What its bindings throw has the text beside the message.
    const text = cause instanceof Error && "payload" in cause ? String(cause.payload) : reasonOf(cause);
    throw new PetioleError("ERR_BUILD_FAILED", `Cannot read the WIT of the world "${world}": ${text}`, { cause });
  }
}

/** What the compiler found, in its own words; undefined when that is nothing. Paths are seen from `cwd`. */
export async function runCompiler(
  config: string,
  {
    cwd,
    args = [],
    signal,
  }: { readonly cwd: string; readonly args?: readonly string[]; readonly signal?: AbortSignal },
): Promise<string | undefined> {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  try {
    await promisify(execFile)(process.execPath, [compiler, "-p", config, "--pretty", "false", ...args], {
      cwd,
      ...(signal !== undefined && { signal }),
    });
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && "stdout" in error && String(error.stdout).trim() !== "") {
      return String(error.stdout).trimEnd();
    }
    throw error;
  }
}

/** The module that the world's declarations declare: its package and name, with the version when it has one. */
function moduleName(files: readonly (readonly [string, Uint8Array])[], worldFile: string): string {
  const text = Buffer.from(files.find(([file]) => file === worldFile)?.[1] ?? []).toString();
  const name = /^declare module '([^']+)'/m.exec(text)?.[1];
  if (name === undefined) throw new PetioleError("ERR_INVARIANT", `Cannot find the module of the world in "${text}"`);
  return name;
}

export function toImport(from: string, to: string): string {
  const path = relative(from, to);
  return path.startsWith(".") ? path : `./${path}`;
}

async function write(file: string, content: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}
