import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { Bytes } from "../../domain/units.ts";
import type { Digest } from "../../domain/workload.ts";
import type { KeptVersions } from "../../host/ports.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import { isErrno, syncFolder } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface KeptVersionsOptions {
  readonly folder: string;
  /** Of all copies together. */
  readonly maxSize: Bytes;
  /** Whether a file is never written to again, so that a second name for it is as good as a copy. */
  readonly isFinal: (file: string) => boolean;
  /** Added to a component's path: what vouches for it. */
  readonly besides: readonly string[];
}

/** A folder with one file for each version: `<hex digits>.wasm`, and what vouches for it beside it. */
export function createKeptVersions({ folder, maxSize, isFinal, besides }: KeptVersionsOptions): KeptVersions {
  const exclusive = createExclusive();
  const pathOf = (digest: Digest): string => join(folder, `${digest.replace(/^sha256:/, "")}.wasm`);

  async function sizes(): Promise<number> {
    const all = await Promise.all((await names()).map((name) => stat(join(folder, name))));
    return all.reduce((sum, { size }) => sum + size, 0);
  }

  async function names(): Promise<string[]> {
    try {
      return await readdir(folder);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return [];
      throw error;
    }
  }

  /** Neither the file nor its name is there before its content is. */
  async function bring(from: string, to: string, want?: Digest): Promise<void> {
    const temporary = `${to}.tmp`;
    await rm(temporary, { force: true });
    if (!(isFinal(from) && (await linked(from, temporary)))) {
      await copyFile(from, temporary, constants.COPYFILE_FICLONE);
      await using handle = await open(temporary, "r");
      await handle.sync();
    }
    const found = want === undefined ? undefined : await digestOf(temporary);
    if (found !== want) {
      await rm(temporary, { force: true });
      throw new PetioleError("ERR_COMPONENT_DIGEST", `Cannot keep "${from}": found ${found}, want ${want}`);
    }
    await rename(temporary, to);
  }

  async function keep(file: string, digest: Digest): Promise<void> {
    const path = pathOf(digest);
    if (await isThere(path)) return;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const { size } = await stat(file);
    const taken = await sizes();
    if (taken + size > maxSize) {
      throw new Error(`it has ${size} bytes, and copies have ${taken} of ${maxSize} already`);
    }
    for (const suffix of besides) if (await isThere(file + suffix)) await bring(file + suffix, path + suffix);
    await bring(file, path, digest);
    await syncFolder(folder);
  }

  return {
    keep: (file, digest) =>
      exclusive.run(async () => {
        try {
          await keep(file, digest);
        } catch (cause) {
          if (isPetioleError(cause)) throw cause;
          throw new PetioleError("ERR_ARTIFACT_DISK", `Cannot keep a copy of "${file}": ${reasonOf(cause)}`, { cause });
        }
      }),

    find: async (digest) => ((await isThere(pathOf(digest))) ? pathOf(digest) : undefined),

    retain: (digests) =>
      exclusive.run(async () => {
        const kept = [...digests].map((digest) => digest.replace(/^sha256:/, ""));
        for (const name of await names()) {
          if (kept.some((hex) => name.startsWith(`${hex}.wasm`)) && !name.endsWith(".tmp")) continue;
          await rm(join(folder, name), { force: true });
        }
      }),
  };
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch {
    // Another disk, or one that knows no second names.
    return false;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}

async function digestOf(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  await using handle = await open(path, "r");
  for await (const chunk of handle.createReadStream({ autoClose: false })) hash.update(chunk as Buffer); // No encoding.
  return `sha256:${hash.digest("hex")}`;
}
