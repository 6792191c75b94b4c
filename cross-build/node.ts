// Node for a target: of the version that package-lock.json names, from npm, checked, without symbols.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../src/lib/files.ts";
import { ROOT } from "./bundle.ts";
import { TARGETS, type TargetName } from "./targets.ts";

const CACHE = join(ROOT, "node_modules/.cache/petiole/node");

export interface TargetNode {
  readonly version: string;
  /** Without symbols. The builder adds data behind them, which stripping later would destroy. */
  readonly executable: string;
  /** Text of the licences of Node and of what it contains. */
  readonly licence: string;
  /** Name of npm's package, and the digest of its archive. */
  readonly package: string;
  readonly integrity: string;
}

interface LockedPackage {
  readonly version: string;
  readonly integrity: string;
}

/** @throws Error that says what is missing */
export async function obtainNode(target: TargetName): Promise<TargetNode> {
  const name = `node-${target}`;
  const { version, integrity } = await lockedPackage(name);
  if (version !== process.versions.node) {
    throw new Error(
      `Cannot build with Node ${process.versions.node}: package-lock.json names ${version}; npm run build uses it`,
    );
  }
  const folder = await obtainPackage(name, version, integrity);
  const executable = await stripped(join(folder, "bin/node"), target, version);
  const licence = await readFile(join(folder, "LICENSE"), "utf8");
  return { version, executable, licence, package: name, integrity };
}

async function lockedPackage(name: string): Promise<LockedPackage> {
  // npm wrote it.
  const lock = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Partial<LockedPackage>>>;
  };
  const { version, integrity } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined) throw new Error(`package-lock.json does not name ${name}`);
  return { version, integrity };
}

/** Where the package is. What npm has installed it has checked itself; another machine's is fetched and checked here. */
async function obtainPackage(name: string, version: string, integrity: string): Promise<string> {
  const installed = join(ROOT, "node_modules", name);
  if (existsSync(join(installed, "bin/node"))) return installed;
  const folder = join(CACHE, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, "fetch-"));
  try {
    const packed = run("npm", ["pack", "--silent", "--pack-destination", work, `${name}@${version}`], "to fetch Node");
    const tarball = join(work, packed.trim().split("\n").at(-1) ?? "");
    const found = `sha512-${createHash("sha512")
      .update(await readFile(tarball))
      .digest("base64")}`;
    if (found !== integrity) {
      throw new Error(`Cannot use ${name}@${version}: its digest is ${found}, package-lock.json has ${integrity}`);
    }
    run("tar", ["-xzf", tarball, "-C", work, "package/bin", "package/LICENSE"], "to unpack Node");
    // Somebody else may have done the same meanwhile.
    await rename(join(work, "package"), folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}

async function stripped(executable: string, target: TargetName, version: string): Promise<string> {
  const out = join(CACHE, `${target}-${version}-stripped`);
  const stamp = `${out}.sha256`;
  if (existsSync(out) && (await readFile(stamp, "utf8").catch(() => "")) === (await sha256(out))) return out;
  const strip = findStrip(target);
  if (strip === undefined) {
    const { triple } = TARGETS[target];
    throw new Error(
      `Cannot build for ${target}: found neither "${triple}-strip" nor "llvm-strip" (Debian: binutils-${triple})`,
    );
  }
  await mkdir(CACHE, { recursive: true });
  const made = `${out}.${process.pid}.tmp`;
  run(strip, ["-o", made, executable], "to strip Node");
  await rename(made, out);
  await writeFileAtomic(stamp, await sha256(out), 0o644);
  return out;
}

/** The tool that removes symbols of a target's programs; undefined when this machine has none. */
export function findStrip(target: TargetName): string | undefined {
  const { arch, triple } = TARGETS[target];
  const candidates = [`${triple}-strip`, ...(arch === process.arch ? ["strip"] : []), "llvm-strip"];
  return candidates.find((tool) => spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0);
}

async function sha256(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}

export function run(command: string, args: readonly string[], purpose: string, cwd = ROOT): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", cwd });
  if (error !== undefined) throw new Error(`Cannot run "${command}" ${purpose}: ${error.message}`);
  if (status !== 0) throw new Error(`"${command} ${args.join(" ")}", ${purpose}, failed: ${stderr || stdout}`);
  return stdout;
}
