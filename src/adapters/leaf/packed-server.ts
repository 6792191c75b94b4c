// The nats-server that an executable of petiole may carry: compressed, and unpacked once, as only a file can be run.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { PetioleError } from "../../domain/errors.ts";
import { readAbout } from "../../lib/about.ts";
import { isErrno, writeFileAtomic } from "../../lib/files.ts";
import { readAsset } from "../../lib/parts.ts";
import { reasonOf } from "../../lib/reason.ts";

const decompress = promisify(zstdDecompress);

export interface PackedServer {
  readonly version: string;
  /** Of the program, in hexadecimal. */
  readonly sha256: string;
  /** The program, compressed by zstd. */
  read(): Uint8Array;
}

/** The name that it has inside the executable. */
const ASSET = "nats-server.zst";
/** More than any nats-server has. */
const MAX_SIZE = 128 * 1024 ** 2;

/** Undefined when there is none inside. */
export function packedServer(): PackedServer | undefined {
  const inside = readAbout()?.natsServer;
  return inside && { ...inside, read: () => readAsset(ASSET) };
}

/**
 * The path of the program, unpacked in `folder` unless it is there already; its digest is looked at each time. Programs
 * of other versions are removed from the folder.
 * @throws PetioleError ERR_LEAF_SERVER
 */
export async function unpackServer(packed: PackedServer, folder: string): Promise<string> {
  const name = packed.sha256.slice(0, 16);
  const path = join(folder, name, "nats-server");
  try {
    if ((await digestOf(path)) === packed.sha256) return path;
    const program = await decompress(packed.read(), { maxOutputLength: MAX_SIZE });
    if (sha256(program) !== packed.sha256) throw new Error("its digest is wrong");
    for (const other of await readdir(folder).catch(() => [])) await rm(join(folder, other), { recursive: true });
    await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, program, 0o700);
    return path;
  } catch (cause) {
    const message = `Cannot unpack the nats-server inside petiole to "${path}": ${reasonOf(cause)}`;
    throw new PetioleError("ERR_LEAF_SERVER", message, { cause });
  }
}

async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash("sha256");
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer); // No encoding is set.
    return hash.digest("hex");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
