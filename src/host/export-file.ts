// The file of an export while it is made: FILE.partial, which gets its name when it is whole.

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, open, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { isPetioleError, PetioleError } from "../domain/errors.ts";
import { isErrno, syncFolder } from "../lib/files.ts";
import type { FileHeader } from "../lib/outbox-file/format.ts";
import { headerOf } from "../lib/outbox-file/read.ts";
import { reasonOf } from "../lib/reason.ts";

const MODE = 0o600;
/** Rows are gathered into writes of about this size: a stick is slow with small ones. */
const WRITE_SIZE = 128 * 1024;
const HEADER_LIMIT = 4096;

export const partialOf = (file: string): string => `${file}.partial`;

/** A partial file that is being written. Disposing it closes it. */
export interface PartialFile extends AsyncDisposable {
  write(line: Buffer): Promise<void>;
  /** Everything so far, and the file's name, survive a power cut when it resolves. */
  sync(): Promise<void>;
}

/** @throws PetioleError ERR_EXPORT_EXISTS, ERR_EXPORT_FILE when it cannot be told */
export async function refuseExisting(file: string): Promise<void> {
  const found = await orUnusable(file, async () => await statOrNothing(file));
  if (found === undefined) return;
  throw new PetioleError("ERR_EXPORT_EXISTS", `Cannot export to "${file}": there is such a file already`);
}

/** @throws PetioleError ERR_EXPORT_FILE when nothing can be written next to `file` */
export async function checkFolder(file: string): Promise<void> {
  await orUnusable(file, async () => await access(dirname(file), constants.W_OK | constants.X_OK));
}

/** Makes the partial file, in place of one that is there. @throws PetioleError ERR_EXPORT_FILE */
export async function createPartial(file: string): Promise<PartialFile> {
  const path = partialOf(file);
  // A new file, not the old one emptied: that may be readable to others.
  const handle = await orUnusable(file, async () => {
    await rm(path, { force: true });
    return await open(path, "wx", MODE);
  });
  let waiting: Buffer[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const all = Buffer.concat(waiting);
    waiting = [];
    size = 0;
    await writeAll(handle, all);
  };
  return {
    write: async (line) => {
      waiting.push(line);
      size += line.length;
      if (size >= WRITE_SIZE) await orUnusable(file, flush);
    },
    sync: async () =>
      await orUnusable(file, async () => {
        await flush();
        await handle.sync();
        await syncFolderIfAble(dirname(path));
      }),
    [Symbol.asyncDispose]: async () => await handle.close(),
  };
}

/** Best effort: what is left over is overwritten by the next export. */
export async function removePartial(file: string): Promise<void> {
  await rm(partialOf(file), { force: true }).catch(() => {});
}

/** Who made the partial file that is there: `none` when there is none, `unreadable` when nobody can tell. */
export async function partialHeader(file: string): Promise<FileHeader | "none" | "unreadable"> {
  return await orUnusable(file, async () => {
    let handle: FileHandle;
    try {
      handle = await open(partialOf(file), constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return "none";
      throw error;
    }
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_LIMIT), 0, HEADER_LIMIT, 0);
      const end = buffer.subarray(0, bytesRead).indexOf("\n");
      return headerOf(buffer.subarray(0, Math.max(0, end)));
    } catch (error) {
      if (isPetioleError(error)) return "unreadable";
      throw error;
    } finally {
      await handle.close();
    }
  });
}

/** SHA-256 of the first `size` bytes of the partial file. @throws PetioleError ERR_EXPORT_FILE */
export async function digestPartial(file: string, size: number): Promise<string> {
  return await orUnusable(file, async () => {
    const hash = createHash("sha256");
    await using handle = await open(partialOf(file), "r");
    const buffer = Buffer.alloc(WRITE_SIZE);
    for (let at = 0; at < size;) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - at), at);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    return hash.digest("hex");
  });
}

/** Writes the trailer over its placeholder and gives the file its name. @throws PetioleError ERR_EXPORT_FILE */
export async function finishPartial(file: string, trailer: Buffer, at: number): Promise<void> {
  await orUnusable(file, async () => {
    const handle = await open(partialOf(file), "r+");
    try {
      await writeAll(handle, trailer, at);
      await handle.truncate(at + trailer.length);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partialOf(file), file);
    await syncFolderIfAble(dirname(file));
  });
}

async function writeAll(handle: FileHandle, data: Buffer, position?: number): Promise<void> {
  for (let done = 0; done < data.length;) {
    const at = position === undefined ? null : position + done;
    done += (await handle.write(data, done, data.length - done, at)).bytesWritten;
  }
}

async function statOrNothing(path: string): Promise<object | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Some file systems of USB sticks cannot flush a folder; with these, flushing the file is all there is. */
async function syncFolderIfAble(folder: string): Promise<void> {
  try {
    await syncFolder(folder);
  } catch (error) {
    if (!isErrno(error, "EINVAL") && !isErrno(error, "ENOTSUP")) throw error;
  }
}

async function orUnusable<T>(file: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (isPetioleError(cause)) throw cause;
    throw new PetioleError("ERR_EXPORT_FILE", `Cannot export to "${file}": ${reasonOf(cause)}`, { cause });
  }
}
