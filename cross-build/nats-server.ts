// The nats-server that a package of petiole brings, or its executable: what a leaf node runs.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { buildNatsServer, findGo, PINNED } from "../scripts/build-nats-server.ts";
import { FLOOR, formatServerVersion, isAtLeast, parseServerVersion } from "../src/adapters/leaf/server-version.ts";
import { reasonOf } from "../src/lib/reason.ts";
import { ROOT } from "./bundle.ts";
import { checkFits } from "./fits.ts";
import { listGoModules, type GoModule } from "./go-modules.ts";
import { TARGETS, type TargetName } from "./targets.ts";

/** Of the modules of the pinned version, as digestOf() has it. */
const PINNED_MODULES = "4f6e7061ab13c9f9a9062bd2b1d63c9fe9760d986b70fc23d17f5bd1106ed694";
const CACHE = join(ROOT, "node_modules/.cache/petiole/nats-server");

export interface NatsServerPart {
  readonly version: string;
  readonly program: Buffer;
  /** Of the program. */
  readonly sha256: string;
  /** What Go built it of, itself first. */
  readonly modules: readonly GoModule[];
}

/**
 * @param where a path, or `auto` for the pinned version, which Go builds for the target once
 * @throws NoGo when `auto` is wanted and this machine has no Go that builds it
 * @throws Error when it is not one for the target, what it is made of or under which licences cannot be told, or Go cannot
 *   build it
 */
export async function obtainServer(
  target: TargetName,
  where: string,
  progress: (line: string) => void,
): Promise<NatsServerPart> {
  const file = where === "auto" ? await obtainPinned(target, progress) : where;
  const program = await readFile(file);
  checkFits(file, program, target);
  const modules = await listGoModules(program);
  const [{ path, version } = {}] = modules;
  const parsed = path === PINNED.module && version !== undefined ? parseServerVersion(version) : undefined;
  if (version === undefined || parsed === undefined) {
    throw new Error(`Cannot use "${file}": want a nats-server that "go install ${PINNED.module}@VERSION" built`);
  }
  if (!isAtLeast(parsed, FLOOR)) {
    throw new Error(`Cannot use "${file}": found nats-server ${version}, want ${formatServerVersion(FLOOR)} or later`);
  }
  const found = digestOf(modules);
  if (where === "auto" && found !== PINNED_MODULES) {
    throw new Error(`Cannot use "${file}": the digest of its modules is ${found}, want ${PINNED_MODULES}`);
  }
  return { version, program, sha256: createHash("sha256").update(program).digest("hex"), modules };
}

/** Of the sources that it was built of, less Go's own. */
function digestOf(modules: readonly GoModule[]): string {
  const lines = modules.flatMap(({ path, version, sum }) => (sum === undefined ? [] : [`${path} ${version} ${sum}\n`]));
  return createHash("sha256").update(lines.join("")).digest("hex");
}

async function obtainPinned(target: TargetName, progress: (line: string) => void): Promise<string> {
  const { env } = process;
  const go = await findGo(env);
  const kept = join(CACHE, `${PINNED.version}-go${go.release}-${target}`);
  if (existsSync(kept)) return kept;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "build-"));
  try {
    const { arch } = TARGETS[target];
    const built = await buildNatsServer({ go, folder, arch, env, progress }).catch((cause: unknown) => {
      throw new Error(`Go cannot build nats-server: ${reasonOf(cause)}`, { cause });
    });
    await rename(built, kept);
    return kept;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
