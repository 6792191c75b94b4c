// A release of petiole in one file: a line that says what it is, a line with the signed statement, and the executable,
// compressed by zstd. The statement comes first, so that nothing is unpacked before it is known who vouches for it.

import { createReadStream } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress, createZstdDecompress } from "node:zlib";
import { PetioleError } from "../domain/errors.ts";
import { reasonOf } from "./reason.ts";

const FIRST_LINE = "petiole-release 1\n";
/** Sixteen signatures and long names fit. */
const MAX_HEAD = 64 * 1024;
const LEVEL = 19;
/** Of the window: what unpacking takes of a device's memory is little more. */
const WINDOW_LOG = 23;

export interface ReleaseHead {
  /** Text of the signed statement. Nothing of it is verified. */
  readonly statement: string;
  /** Where the executable begins. */
  readonly offset: number;
}

/** @throws PetioleError ERR_RELEASE_INVALID */
export async function readReleaseHead(path: string): Promise<ReleaseHead> {
  let text: string;
  try {
    await using handle = await open(path, "r");
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_HEAD), 0, MAX_HEAD, 0);
    text = buffer.toString("latin1", 0, bytesRead);
  } catch (cause) {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot read the release "${path}": ${reasonOf(cause)}`, { cause });
  }
  const end = text.indexOf("\n", FIRST_LINE.length);
  if (!text.startsWith(FIRST_LINE) || end === -1) {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot use "${path}": it is no release of petiole, or was cut off`);
  }
  return { statement: text.slice(FIRST_LINE.length, end), offset: end + 1 };
}

/** The executable's bytes. Iterating throws PetioleError ERR_RELEASE_INVALID when they cannot be unpacked. */
export async function* unpackRelease(path: string, offset: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const unpacked = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
  const done = pipeline(createReadStream(path, { start: offset, signal }), unpacked);
  // Its failure is that of the loop below, too.
  done.catch(() => {});
  try {
    for await (const chunk of unpacked) yield chunk as Buffer; // No encoding is set.
    await done;
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot unpack the release "${path}": ${reasonOf(cause)}`, { cause });
  } finally {
    unpacked.destroy();
  }
}

/** Writes a release with `statement`, which is one line. `onProgress` is told how much of the executable is packed. */
export async function packRelease(
  binary: string,
  statement: string,
  out: string,
  onProgress?: (bytes: number) => void,
): Promise<void> {
  const params = {
    [constants.ZSTD_c_compressionLevel]: LEVEL,
    [constants.ZSTD_c_windowLog]: WINDOW_LOG,
    [constants.ZSTD_c_checksumFlag]: 1,
  };
  const source = createReadStream(binary);
  const packed = createZstdCompress({ params });
  source.on("data", () => onProgress?.(source.bytesRead));
  const done = pipeline(source, packed);
  done.catch(() => {});
  await writeRelease(out, statement, packed);
  await done;
}

/** Writes the release at `path` anew, with another statement. */
export async function replaceStatement(path: string, offset: number, statement: string, out: string): Promise<void> {
  await writeRelease(out, statement, createReadStream(path, { start: offset }));
}

/** Not by a stream: in the single executable, those of files cannot write several pieces at once. */
async function writeRelease(out: string, statement: string, content: AsyncIterable<Buffer>): Promise<void> {
  await using handle = await open(out, "w", 0o644);
  await writeAll(handle, Buffer.from(headOf(statement)));
  for await (const chunk of content) await writeAll(handle, chunk);
  await handle.sync();
}

async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let written = 0; written < chunk.byteLength;) {
    written += (await handle.write(chunk, written, chunk.byteLength - written)).bytesWritten;
  }
}

function headOf(statement: string): string {
  const head = `${FIRST_LINE}${statement.trim()}\n`;
  if (head.length <= MAX_HEAD) return head;
  throw new PetioleError(
    "ERR_RELEASE_INVALID",
    `Cannot write the release: its statement has more than ${MAX_HEAD} bytes`,
  );
}
