// Blobs as files: a folder for each container. What is written lies in a folder of its own until it is complete.

import { constants, type Stats } from "node:fs";
import { lstat, mkdir, open, opendir, rename, rm, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { createExclusive, isErrno, syncFolder } from "#provider";
import { faultOf, guarded } from "./fs-faults.ts";
import { decodeName, encodeName } from "./names.ts";
import {
  BlobFault,
  finished,
  noBlob,
  noContainer,
  tooLarge,
  tooShort,
  type BlobPart,
  type BlobRef,
  type BlobStore,
  type Draft,
} from "./store.ts";
import { createUsage, type UsageLimits } from "./usage.ts";

export interface FsStoreDeps {
  readonly folder: string;
  /** Names what lies between, of several stores in one folder. */
  readonly id: string;
  readonly limits: UsageLimits;
}

const PIECE = 65_536;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** @throws what the file system fails with */
export async function openFsStore({ folder, id, limits }: FsStoreDeps): Promise<BlobStore> {
  const exclusive = createExclusive();
  const between = join(folder, `.${encodeName(id) ?? "drafts"}`);
  const usage = createUsage(limits);
  let drafts = 0;

  const folderOf = (container: string): string => join(folder, container);
  const fileOf = ({ container, name }: BlobRef): string => {
    const encoded = encodeName(name);
    if (encoded === undefined) throw new BlobFault("the name of an object is empty, too long, or no text");
    return join(folder, container, encoded);
  };
  const temporary = (): string => join(between, String(++drafts));

  async function requireContainer(container: string): Promise<Stats> {
    const stats = await statOf(folderOf(container));
    if (stats?.isDirectory() !== true) throw noContainer();
    return stats;
  }

  async function fileStats(blob: BlobRef): Promise<Stats | undefined> {
    const stats = await statOf(fileOf(blob));
    return stats?.isFile() === true ? stats : undefined;
  }

  async function draft(max: number): Promise<Draft> {
    const path = temporary();
    const file = await guarded(open(path, CREATE, 0o600));
    let size = 0;
    let isOpen = true;
    const close = async (): Promise<void> => {
      if (!isOpen) return;
      isOpen = false;
      await file.close();
    };
    return {
      async write(bytes) {
        if (!isOpen) throw finished();
        if (size + bytes.byteLength > max) throw tooLarge(max);
        usage.reserve(bytes.byteLength);
        size += bytes.byteLength;
        await guarded(writeAll(file, bytes));
      },
      async finish(as) {
        if (!isOpen) throw finished();
        await guarded(file.sync());
        await close();
        await exclusive.run(async () => {
          await requireContainer(as.container);
          const before = await fileStats(as);
          usage.check(as.container, size, before?.size);
          await guarded(rename(path, fileOf(as)));
          usage.put(as.container, size, before?.size);
          usage.release(size);
          size = 0;
          await guarded(syncFolder(folderOf(as.container)));
        });
      },
      async [Symbol.asyncDispose]() {
        await close();
        usage.release(size);
        size = 0;
        await tidy(path);
      },
    };
  }

  async function openPart(blob: BlobRef, start: number, end: number): Promise<BlobPart> {
    await requireContainer(blob.container);
    let file: FileHandle;
    try {
      file = await open(fileOf(blob), READ);
    } catch (error) {
      if (isErrno(error, "ENOENT") || isErrno(error, "ELOOP")) throw noBlob();
      throw faultOf(error);
    }
    const stats = await file.stat();
    if (!stats.isFile()) {
      await file.close();
      throw noBlob();
    }
    const from = Math.min(start, stats.size);
    const to = Math.min(end + 1, stats.size);
    return {
      size: to - from,
      read: () => readPart(file, from, to),
      [Symbol.asyncDispose]: async () => await file.close(),
    };
  }

  async function remove(blob: BlobRef): Promise<void> {
    const stats = await fileStats(blob);
    if (stats === undefined) return;
    await guarded(unlink(fileOf(blob)));
    usage.take(blob.container, stats.size);
  }

  async function* names(container: string): AsyncGenerator<string> {
    await requireContainer(container);
    for await (const entry of await guarded(opendir(folderOf(container)))) {
      const name = entry.isFile() ? decodeName(entry.name) : undefined;
      if (name !== undefined) yield name;
    }
  }

  async function copy(from: BlobRef, to: BlobRef): Promise<void> {
    await requireContainer(to.container);
    await using part = await openPart(from, 0, Number.MAX_SAFE_INTEGER);
    await using copied = await draft(Infinity);
    for await (const bytes of part.read()) await copied.write(bytes);
    await copied.finish(to);
  }

  async function move(from: BlobRef, to: BlobRef): Promise<void> {
    await requireContainer(from.container);
    await requireContainer(to.container);
    const stats = await fileStats(from);
    if (stats === undefined) throw noBlob();
    if (fileOf(from) === fileOf(to)) return;
    const before = await fileStats(to);
    if (from.container !== to.container) usage.check(to.container, stats.size, before?.size);
    await guarded(rename(fileOf(from), fileOf(to)));
    usage.take(from.container, stats.size);
    usage.put(to.container, stats.size, before?.size);
    await guarded(syncFolder(folderOf(to.container)));
    if (from.container !== to.container) await guarded(syncFolder(folderOf(from.container)));
  }

  await mkdir(folder, { recursive: true, mode: 0o700 });
  await rm(between, { recursive: true, force: true });
  await mkdir(between, { mode: 0o700 });
  for await (const entry of await opendir(folder)) {
    if (entry.isDirectory() && !entry.name.startsWith(".")) await scan(entry.name);
  }

  async function scan(container: string): Promise<void> {
    usage.begin(container);
    for await (const entry of await opendir(folderOf(container))) {
      const stats = entry.isFile() ? await statOf(join(folderOf(container), entry.name)) : undefined;
      if (stats !== undefined) usage.put(container, stats.size, undefined);
    }
  }

  return {
    draft,
    open: openPart,
    names,
    copy,
    createContainer: (container) =>
      exclusive.run(async () => {
        if ((await statOf(folderOf(container)))?.isDirectory() === true) return;
        await guarded(mkdir(folderOf(container), { mode: 0o700 }));
        usage.begin(container);
        await guarded(syncFolder(folder));
      }),
    async containerInfo(container) {
      const stats = await statOf(folderOf(container));
      return stats?.isDirectory() === true ? { createdAt: secondsOf(stats.birthtimeMs || stats.mtimeMs) } : undefined;
    },
    deleteContainer: (container) =>
      exclusive.run(async () => {
        if ((await statOf(folderOf(container)))?.isDirectory() !== true) return;
        const gone = temporary();
        await guarded(rename(folderOf(container), gone));
        usage.drop(container);
        await guarded(syncFolder(folder));
        await guarded(rm(gone, { recursive: true, force: true }));
      }),
    async info(blob) {
      await requireContainer(blob.container);
      const stats = await fileStats(blob);
      return stats && { size: stats.size, createdAt: secondsOf(stats.mtimeMs) };
    },
    remove: (blob) =>
      exclusive.run(async () => {
        await requireContainer(blob.container);
        await remove(blob);
        await guarded(syncFolder(folderOf(blob.container)));
      }),
    clear: (container) =>
      exclusive.run(async () => {
        for await (const name of names(container)) await remove({ container, name });
        await guarded(syncFolder(folderOf(container)));
      }),
    move: (from, to) => exclusive.run(() => move(from, to)),
    async [Symbol.asyncDispose]() {
      await exclusive.run(async () => await tidy(between));
    },
  };
}

/** What stays goes when the store is opened the next time. */
async function tidy(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}

const secondsOf = (milliseconds: number): number => Math.max(0, Math.floor(milliseconds / 1000));

/** Of what lies there itself, and not of what it leads to. Undefined when there is nothing. */
async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw faultOf(error);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) at += (await file.write(bytes, at)).bytesWritten;
}

async function* readPart(file: FileHandle, from: number, to: number): AsyncGenerator<Uint8Array> {
  try {
    for (let at = from; at < to;) {
      const { bytesRead, buffer } = await guarded(
        file.read(new Uint8Array(Math.min(PIECE, to - at)), { position: at }),
      );
      if (bytesRead === 0) throw tooShort();
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
