import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { findStrip } from "../../cross-build/node.ts";
import { isTarget } from "../../cross-build/targets.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const CACHE = join(ROOT, "node_modules/.cache/petiole/test-executable");
/** Everything that an executable is made of. */
const INPUTS = ["src", "providers", "cross-build", "native", "scripts/build-native.ts", "package-lock.json"];

/** Why this machine cannot build the single executable for itself; undefined when it can. */
export function cannotBuild(): string | undefined {
  const host = `${process.platform}-${process.arch}`;
  if (!isTarget(host)) return `petiole is not built for ${host}`;
  if (findStrip(host) === undefined) return "there is no strip (Debian: binutils)";
  const compiler = process.env["CXX"] ?? "g++";
  if (spawnSync(compiler, ["--version"], { stdio: "ignore" }).status !== 0) return `there is no compiler "${compiler}"`;
  return undefined;
}

/** The folder with the executable for this machine and what belongs to it, built when its inputs have changed. */
export async function hostBuild(): Promise<string> {
  const folder = join(CACHE, (await hashInputs()).slice(0, 16));
  // The executable comes last.
  if (existsSync(join(folder, "petiole"))) return folder;
  await mkdir(CACHE, { recursive: true });
  for (const old of await readdir(CACHE)) await rm(join(CACHE, old), { recursive: true, force: true });
  const args = ["--disable-warning=ExperimentalWarning", join(ROOT, "cross-build/build.ts"), "--out", folder];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm run build failed:\n${stderr}`);
  return folder;
}

async function hashInputs(): Promise<string> {
  const hash = createHash("sha256");
  for (const input of INPUTS) {
    const files = input.includes(".") ? [input] : await sourcesIn(input);
    for (const file of files) hash.update(`${file}\0`).update(await readFile(join(ROOT, file)));
  }
  return hash.digest("hex");
}

async function sourcesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((one) => one.isFile() && /\.(?:ts|cc)$/.test(one.name) && !one.name.endsWith(".test.ts"))
    .map((one) => join(one.parentPath, one.name).slice(ROOT.length + 1))
    .sort();
}
