// A release of petiole for the device: this checkout's sources with the number of another version.

import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PETIOLE } from "../../support/agent.ts";
import { ROOT } from "./lab.ts";
import { run } from "./shell.ts";

export interface Release {
  /** The file with the public key that devices trust. */
  readonly key: Buffer;
  readonly file: Buffer;
  /** Path of the executable. */
  readonly binary: string;
}

const COPIED = [
  "src",
  "providers",
  "cross-build",
  "scripts",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "LICENSE",
];
/** Large, and the same. */
const SHARED = ["node_modules", "native", "wit", "CHANGELOG.md"];
const TARGET = ["--target", "linux-arm64"];

const made = new Map<string, Promise<Release>>();

/** Builds the executable anew, which takes a minute, once for each version. */
export async function makeRelease(folder: string, version: string): Promise<Release> {
  const found = made.get(version) ?? build(folder, version);
  made.set(version, found);
  return await found;
}

async function build(folder: string, version: string): Promise<Release> {
  const sources = join(folder, "sources");
  await mkdir(sources, { recursive: true });
  for (const name of COPIED) await cp(join(ROOT, name), join(sources, name), { recursive: true });
  for (const name of SHARED) await symlink(join(ROOT, name), join(sources, name));
  const file = join(sources, "src/domain/version.ts");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/VERSION = "[^"]+"/, `VERSION = "${version}"`));
  run("npm", ["run", "--silent", "build", "--", ...TARGET, "--out", join(folder, "made")], { cwd: sources });
  const key = join(folder, "release.key");
  const release = join(folder, "petiole.release");
  const executable = join(folder, "made/petiole");
  const binary = ["--binary", executable, ...TARGET, "--version", version];
  run(PETIOLE, ["keys", "generate", "--out", key], { cwd: folder });
  run(PETIOLE, ["release", "pack", ...binary, "--key", key, "-o", release], { cwd: folder });
  return { key: await readFile(`${key}.pub`), file: await readFile(release), binary: executable };
}
