// The nats-server that may go into the executable, for devices whose system has none.

import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, zstdCompressSync } from "node:zlib";
import { probeServer } from "../src/adapters/leaf/find-server.ts";
import { formatServerVersion } from "../src/adapters/leaf/server-version.ts";
import { obtainNatsServer } from "../scripts/obtain-nats-server.ts";
import { readElf } from "./elf.ts";
import { findStrip, run } from "./node.ts";
import { TARGETS, type TargetName } from "./targets.ts";

export interface NatsServerPart {
  readonly version: string;
  /** Of the program as it is run. */
  readonly sha256: string;
  readonly size: number;
  /** By zstd. */
  readonly compressed: Uint8Array;
}

/**
 * The server at a path, or one that this machine finds or fetches, without symbols.
 * @throws Error when it is not one for the target, or its version cannot be told
 */
export async function prepareNatsServer(target: TargetName, where: string): Promise<NatsServerPart> {
  const path = where === "auto" ? await findForHost(target) : where;
  const { machine } = readElf(await readFile(path));
  if (machine !== TARGETS[target].machine) throw new Error(`Cannot use "${path}" for ${target}: it is for ${machine}`);
  const work = await mkdtemp(join(tmpdir(), "petiole-nats-"));
  try {
    const stripped = join(work, "nats-server");
    run(findStrip(target) ?? "strip", ["-o", stripped, path], "to strip nats-server");
    const program = await readFile(stripped);
    const version = await versionOf(stripped, program, target);
    const sha256 = createHash("sha256").update(program).digest("hex");
    const compressed = zstdCompressSync(program, { params: { [constants.ZSTD_c_compressionLevel]: 19 } });
    return { version, sha256, size: program.length, compressed };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function findForHost(target: TargetName): Promise<string> {
  if (TARGETS[target].arch !== process.arch) {
    throw new Error(`Cannot find a nats-server for ${target} on this machine: want --with-nats-server PATH`);
  }
  return (await obtainNatsServer({ env: process.env, progress: () => {} })).path;
}

/** As the program says; one for another machine cannot be asked, but names the version of its main module. */
async function versionOf(path: string, program: Buffer, target: TargetName): Promise<string> {
  if (TARGETS[target].arch === process.arch) return formatServerVersion(await probeServer(path));
  const found = /\tgithub\.com\/nats-io\/nats-server\/v2\tv(\d+\.\d+\.\d+)\t/.exec(program.toString("latin1"));
  if (found?.[1] === undefined)
    throw new Error(`Cannot tell the version of "${path}": want one that "go install" built`);
  return found[1];
}
