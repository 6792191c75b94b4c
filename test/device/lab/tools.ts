// Programs that the lab takes from this machine, or from Debian's package, unpacked and not installed.

import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { openArchive } from "./apt.ts";
import { has } from "./shell.ts";

const PACKAGES = { mmdebstrap: "mmdebstrap", "qemu-img": "qemu-utils" } as const;

/** Gives what to call. */
export async function obtainTool(cache: string, program: keyof typeof PACKAGES): Promise<string> {
  if (has(program)) return program;
  const folder = join(cache, `tool-${program}`);
  const path = join(folder, "usr/bin", program);
  if (existsSync(path)) return path;
  const work = await mkdtemp(join(cache, "work-"));
  try {
    await (await openArchive({ folder: work })).unpack([PACKAGES[program]], join(work, "out"));
    await rename(join(work, "out"), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return path;
}
