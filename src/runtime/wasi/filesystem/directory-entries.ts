// The resource `directory-entry-stream`.

import { opendirSync, type Dirent } from "node:fs";
import { attempt, FsError, type FsResult } from "./errors.ts";
import { typeOf, type DescriptorType } from "./metadata.ts";
import type { OpenFiles } from "./open-files.ts";
import { descriptorPath } from "./sandbox.ts";

export interface DirectoryEntry {
  readonly type: DescriptorType;
  readonly name: string;
}

/** Entries that are read ahead, so that a folder of any size takes as much memory as a small one. */
const READ_AHEAD = 32;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class DirectoryEntryStream implements Disposable {
  readonly #read: () => Dirent<Buffer> | null;
  readonly #close: () => void;

  /** Made by `Descriptor.readDirectory()` only. @throws FsError, and what Node's file system throws */
  constructor(files: OpenFiles, directory: number) {
    // Names come as they are on the disk. The type of `opendirSync` knows only text.
    const options = { encoding: "buffer" as BufferEncoding, bufferSize: READ_AHEAD };
    const { value, close } = files.track(
      () => opendirSync(descriptorPath(directory), options),
      (opened) => opened.closeSync(),
    );
    this.#read = () => value.readSync() as Dirent<Buffer> | null;
    this.#close = close;
  }

  /** Undefined after the last one. A name that is not UTF-8 is an error; the entries after it follow. */
  readDirectoryEntry(): FsResult<DirectoryEntry | undefined> {
    return attempt(() => {
      const entry = this.#read();
      return entry === null ? undefined : { type: typeOf(entry), name: decode(entry.name) };
    });
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

function decode(name: Buffer): string {
  try {
    return UTF8.decode(name);
  } catch {
    throw new FsError("illegal-byte-sequence");
  }
}
