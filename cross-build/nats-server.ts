// The nats-server that a package of petiole brings, or its executable: what a leaf node runs.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { buildNatsServer, PINNED } from "../scripts/build-nats-server.ts";
import { FLOOR, formatServerVersion, isAtLeast, parseServerVersion } from "../src/adapters/leaf/server-version.ts";
import { reasonOf } from "../src/lib/reason.ts";
import { ROOT } from "./bundle.ts";
import { loadAlignment, readElf } from "./elf.ts";
import { listGoModules, type GoModule } from "./go-modules.ts";
import { TARGETS, type TargetName } from "./targets.ts";

const CACHE = join(ROOT, "node_modules/.cache/petiole/nats-server");

export interface NatsServerPart {
  readonly version: string;
  readonly file: string;
  readonly program: Buffer;
  /** Of the program. */
  readonly sha256: string;
  /** What Go built it of, itself first. */
  readonly modules: readonly GoModule[];
}

/**
 * @param where a path, or `auto` for the pinned version, which Go builds for the target once
 * @throws Error when it is not one for the target, its version cannot be told, or Go cannot build it
 */
export async function obtainServer(
  target: TargetName,
  where: string,
  progress: (line: string) => void,
): Promise<NatsServerPart> {
  const file = where === "auto" ? await obtainPinned(target, progress) : where;
  const program = await readFile(file);
  checkMachine(file, program, target);
  const modules = await listGoModules(program);
  const [{ path, version, sum } = {}] = modules;
  if (path !== PINNED.module || version === undefined)
    throw new Error(`Cannot use "${file}": it is no nats-server that Go built`);
  if (where === "auto" && sum !== PINNED.sum) {
    throw new Error(`Cannot use "${file}": it was built of sources with the digest ${sum}, want ${PINNED.sum}`);
  }
  const parsed = parseServerVersion(version);
  if (parsed === undefined || !isAtLeast(parsed, FLOOR)) {
    throw new Error(`Cannot use "${file}": found nats-server ${version}, want ${formatServerVersion(FLOOR)} or later`);
  }
  return { version, file, program, sha256: createHash("sha256").update(program).digest("hex"), modules };
}

function checkMachine(file: string, program: Buffer, target: TargetName): void {
  const { machine, maxPage } = TARGETS[target];
  const elf = readElf(program);
  if (elf.machine !== machine) throw new Error(`Cannot use "${file}" for ${target}: it is for ${elf.machine}`);
  const alignment = loadAlignment(elf);
  if (alignment < maxPage) {
    throw new Error(`Cannot use "${file}" for ${target}: its segments are aligned to ${alignment}, want ${maxPage}`);
  }
}

async function obtainPinned(target: TargetName, progress: (line: string) => void): Promise<string> {
  const kept = join(CACHE, `${PINNED.version}-${target}`);
  if (existsSync(kept)) return kept;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "build-"));
  try {
    const { arch } = TARGETS[target];
    const built = await buildNatsServer({ folder, arch, env: process.env, progress }).catch((error: unknown) => {
      throw new Error(`Go cannot build it: ${reasonOf(error)}`, { cause: error });
    });
    await rename(built, kept);
    return kept;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
