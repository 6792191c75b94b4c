// Streams over files. Files are always ready: what they wait for is the kernel.

import { readSync, writeSync } from "node:fs";
import { CLOSED, MAX_READ, type ByteSink, type ByteSource, type StreamError } from "../streams.ts";
import { READY } from "../waiting.ts";
import { fileStreamError } from "./errors.ts";
import type { OpenFile, OpenFiles } from "./open-files.ts";

/** Most bytes that one write to a file takes. */
export const MAX_WRITE = 65_536;

/** At most `length` bytes and at most MAX_READ. */
export function readFile(files: OpenFiles, fd: number, length: number, position: bigint): Uint8Array {
  const { scratch } = files;
  const count = readSync(fd, scratch, 0, Math.min(length, MAX_READ), position);
  return scratch.slice(0, count);
}

/** The file is the stream's: released when the stream is closed. */
export function fileSource(files: OpenFiles, file: OpenFile, offset: bigint): ByteSource {
  let position = offset;
  return {
    ...READY,
    read(max) {
      try {
        const bytes = readFile(files, file.fd, max, position);
        position += BigInt(bytes.byteLength);
        return bytes.byteLength === 0 ? CLOSED : bytes;
      } catch (error) {
        return fileStreamError(error);
      }
    },
    close: () => file.release(),
  };
}

/** Writes from `offset` on, or at the end of a file that was opened to append. The file is the stream's. */
export function fileSink(file: OpenFile, offset: bigint | "end"): ByteSink {
  let position = offset;
  let failure: StreamError | undefined;
  return {
    ...READY,
    space: () => failure ?? MAX_WRITE,
    write(bytes) {
      try {
        for (let at = 0; at < bytes.byteLength;) {
          const left = bytes.byteLength - at;
          // Node takes a position as a number only; files cannot be that large.
          const count = writeSync(file.fd, bytes, at, left, position === "end" ? null : Number(position));
          if (position !== "end") position += BigInt(count);
          at += count;
        }
      } catch (error) {
        failure = fileStreamError(error);
      }
    },
    // What is written is in the kernel; sync and sync-data put it on the disk.
    flush: () => {},
    close: () => file.release(),
  };
}
