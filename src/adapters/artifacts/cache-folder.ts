// The folder that artifacts are kept in. Several processes may work in it: everything is a small file of its own that is
// replaced in one step, or is named by its content.
//
//   blobs/<sha256>.wasm    a component; verified before it gets this name
//   parts/<sha256>.part    what has come of one
//   refs/<hash>.json       what a reference stood for when its source was asked last
//   uses/<component>.json  what a component has, had before and is getting

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import type { ComponentId, Digest } from "../../domain/workload.ts";
import { isErrno, writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { referenceRecord, useRecord, type ReferenceRecord, type UseRecord } from "./cache-records.ts";

export interface StoredFile {
  readonly content: Digest;
  readonly size: number;
  /** Unix time in milliseconds. */
  readonly usedAt: number;
}

export type CacheFolder = ReturnType<typeof createCacheFolder>;

const FOLDERS = ["blobs", "parts", "refs", "uses"] as const;
const HEX = /^[0-9a-f]{64}$/;

export function createCacheFolder(root: string) {
  const inside = (folder: (typeof FOLDERS)[number], name: string): string => join(root, folder, name);
  const hexOf = (content: Digest): string => content.slice("sha256:".length);
  const blobFile = (content: Digest): string => inside("blobs", `${hexOf(content)}.wasm`);
  const partFile = (content: Digest): string => inside("parts", `${hexOf(content)}.part`);
  const refFile = (reference: string): string =>
    inside("refs", `${createHash("sha256").update(reference).digest("hex")}.json`);
  const useFile = (component: ComponentId): string => inside("uses", `${component}.json`);

  async function list(folder: "blobs" | "parts", end: string): Promise<StoredFile[]> {
    const names = await listFolder(join(root, folder));
    const files = names.map(async (name) => {
      const hex = name.slice(0, -end.length);
      const stats = name.endsWith(end) && HEX.test(hex) ? await orMissing(stat(inside(folder, name))) : undefined;
      return stats === undefined
        ? []
        : [{ content: `sha256:${hex}`, size: stats.size, usedAt: Math.max(stats.mtimeMs, stats.atimeMs) }];
    });
    return (await Promise.all(files)).flat();
  }

  async function records<T>(folder: "refs" | "uses", schema: () => z.ZodType<T>): Promise<T[]> {
    const names = (await listFolder(join(root, folder))).filter((name) => name.endsWith(".json"));
    const found = await Promise.all(names.map((name) => readRecord(inside(folder, name), schema())));
    return found.filter((record) => record !== undefined);
  }

  return {
    root,
    blobFile,
    partFile,

    async make(): Promise<void> {
      await onDisk(root, async () => {
        for (const folder of FOLDERS) await mkdir(join(root, folder), { recursive: true, mode: 0o700 });
      });
    },

    blobs: () => list("blobs", ".wasm"),
    parts: () => list("parts", ".part"),

    /** True when the whole file is there and is what its name says. It then counts as used now. */
    async isIntact(content: Digest, signal: AbortSignal): Promise<"intact" | "damaged" | "missing"> {
      const file = blobFile(content);
      const hash = createHash("sha256");
      try {
        for await (const chunk of createReadStream(file, { signal })) hash.update(chunk as Buffer);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (isErrno(error, "ENOENT")) return "missing";
        return "damaged";
      }
      if (`sha256:${hash.digest("hex")}` !== content) return "damaged";
      const now = new Date();
      // A disk that can only be read still serves.
      await utimes(file, now, now).catch(() => undefined);
      return "intact";
    },

    removeBlob: (content: Digest) => rm(blobFile(content), { force: true }),
    removePart: (content: Digest) => rm(partFile(content), { force: true }),

    reference: (reference: string) => readRecord(refFile(reference), referenceRecord),
    references: () => records("refs", () => referenceRecord),
    writeReference: (record: ReferenceRecord) =>
      onDisk(root, () => writeFileAtomic(refFile(record.reference), JSON.stringify(record))),
    removeReference: (reference: string) => rm(refFile(reference), { force: true }),

    use: (component: ComponentId) => readRecord(useFile(component), useRecord),
    uses: () => records("uses", () => useRecord),
    writeUse: (record: UseRecord) =>
      onDisk(root, () => writeFileAtomic(useFile(record.component), JSON.stringify(record))),
    removeUse: (component: ComponentId) => rm(useFile(component), { force: true }),

    /** What a kill in the middle of replacing a small file leaves. */
    async removeLeftovers(): Promise<void> {
      for (const folder of ["refs", "uses"] as const) {
        const names = (await listFolder(join(root, folder))).filter((name) => name.endsWith(".tmp"));
        await Promise.all(names.map((name) => rm(inside(folder, name), { force: true })));
      }
    },
  };
}

/** @throws PetioleError ERR_ARTIFACT_DISK in place of what the file system failed with */
export async function onDisk<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw new PetioleError("ERR_ARTIFACT_DISK", `Cannot use the folder "${folder}": ${reasonOf(cause)}`, { cause });
  }
}

async function listFolder(path: string): Promise<string[]> {
  return (await orMissing(readdir(path))) ?? [];
}

async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** A record that cannot be read is as good as none: its source can be asked again. */
async function readRecord<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.safeParse(JSON.parse(await readFile(file, "utf8"))).data;
  } catch {
    return undefined;
  }
}
