import { constants, type Stats } from "node:fs";
import { open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/**
 * Replaces `path` in one step: a reader, or a boot after a power cut, sees the old content or the new, never a part.
 * `prepare` is what else has to be so with the file before anybody sees it, such as its group.
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = 0o600,
  prepare?: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", mode);
  try {
    try {
      await file.writeFile(content);
      await prepare?.(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // On a disk that is full it would take what little room there is.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Removes what power cuts left of replacing `path`. For who alone replaces it: what another process is writing would be
 * taken for a leftover.
 */
export async function removeLeftovers(path: string): Promise<void> {
  const [folder, start] = [dirname(path), `${basename(path)}.`];
  for (const name of await readdir(folder)) {
    if (name.startsWith(start) && /^\d+\.tmp$/.test(name.slice(start.length))) await rm(join(folder, name));
  }
}

/** Makes renames and new names in `folder` survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a file is that cannot be read whole. */
export class UnsuitableFile extends Error {
  override readonly name = "UnsuitableFile";
  readonly reason: "not-regular" | "too-large";

  constructor(reason: UnsuitableFile["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

// A large file is read in pieces, so that whoever gives up does not wait for the whole.
const READ_SIZE = 4 * 1024 ** 2;

/**
 * The whole of a file that has at most `maxSize` bytes, in memory of its own. Neither a pipe, which would wait for a
 * writer, nor a device, which has no end, is read.
 * @throws UnsuitableFile; the signal's reason when aborted; what open() and read() fail with
 */
export async function readRegularFile(
  path: string,
  { maxSize, signal }: { readonly maxSize: number; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly stats: Stats }> {
  // Without O_NONBLOCK, opening a pipe waits for a writer.
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const stats = await handle.stat();
  if (!stats.isFile()) throw new UnsuitableFile("not-regular", "it is not a regular file");
  if (stats.size > maxSize) {
    throw new UnsuitableFile("too-large", `it has ${stats.size} bytes, want at most ${maxSize}`);
  }
  const bytes = new Uint8Array(stats.size);
  let filled = 0;
  while (filled < bytes.byteLength) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(bytes, filled, Math.min(READ_SIZE, bytes.byteLength - filled), filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return { bytes: bytes.subarray(0, filled), stats };
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** What comes first in a file, at most `maxSize` bytes; also of one whose size the kernel does not tell. */
export async function readSmallFile(path: string, maxSize: number): Promise<string> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(maxSize), 0, maxSize, 0);
  return buffer.toString("utf8", 0, bytesRead);
}
