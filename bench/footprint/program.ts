// What is measured: the executable for this machine, which is made if there is none.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const TARGET = `${process.platform}-${process.arch}`;

/** @throws Error when the named one is not there, or none can be made */
export function findProgram(named: string | undefined): string {
  const program = resolve(named ?? join(ROOT, "dist", TARGET, "petiole"));
  if (existsSync(program)) return program;
  if (named !== undefined) throw new Error(`Found no executable "${program}"`);
  console.error(`building ${program} ...`);
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "cross-build/build.ts"), "--target", TARGET], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Cannot build the executable: ${stderr}`);
  return program;
}
