// The resource `descriptor`: an open file or directory in a granted folder.

import {
  constants,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { err, ok } from "../result.ts";
import { InputStream, MAX_READ, OutputStream } from "../streams.ts";
import type { Suspend } from "../waiting.ts";
import { DirectoryEntryStream } from "./directory-entries.ts";
import { attempt, FsError, fsErrorCode, perform, type FsResult } from "./errors.ts";
import { fileSink, fileSource, MAX_WRITE, readFile } from "./file-streams.ts";
import { descriptorStat, metadataHash, unixSeconds } from "./metadata.ts";
import type { DescriptorStat, DescriptorType, MetadataHash, NewTimestamp } from "./metadata.ts";
import type { OpenFile, OpenFiles } from "./open-files.ts";
import { openIn, type DescriptorFlags, type OpenFlags } from "./open.ts";
import { descriptorPath, locate, lookAt, placePath, type Place } from "./sandbox.ts";

export interface PathFlags {
  readonly symlinkFollow?: boolean;
}

/** What all descriptors of an instance share. */
export interface FilesystemContext {
  readonly files: OpenFiles;
  readonly suspend: Suspend;
}

/** What a descriptor stands for. */
export interface Opened {
  readonly file: OpenFile;
  readonly type: "regular-file" | "directory";
  readonly flags: DescriptorFlags;
  /** True when the folder that it is in was granted for writing. */
  readonly writable: boolean;
}

export class Descriptor implements Disposable {
  readonly #context: FilesystemContext;
  readonly #opened: Opened;

  /** Takes the open file over. */
  constructor(context: FilesystemContext, opened: Opened) {
    this.#context = context;
    this.#opened = opened;
  }

  readViaStream(offset: bigint): FsResult<InputStream> {
    return attempt(() => {
      const { files, suspend } = this.#context;
      const file = this.#file("read");
      const source = fileSource(files, file, checkOffset(offset));
      file.hold();
      return new InputStream(suspend, source);
    });
  }

  writeViaStream(offset: bigint): FsResult<OutputStream> {
    return attempt(() => {
      const file = this.#file("write");
      const sink = fileSink(file, checkOffset(offset));
      file.hold();
      return new OutputStream(this.#context.suspend, sink);
    });
  }

  appendViaStream(): FsResult<OutputStream> {
    return attempt(() => {
      const { fd } = this.#file("write");
      const { files, suspend } = this.#context;
      const file = files.open(() => openSync(descriptorPath(fd), constants.O_WRONLY | constants.O_APPEND));
      return new OutputStream(suspend, fileSink(file, "end"));
    });
  }

  /** The kernel needs no advice about files as small as these. */
  advise(): FsResult<undefined> {
    return perform(() => this.#file());
  }

  syncData(): FsResult<undefined> | Promise<FsResult<undefined>> {
    return this.#sync(fdatasync);
  }

  sync(): FsResult<undefined> | Promise<FsResult<undefined>> {
    return this.#sync(fsync);
  }

  getFlags(): FsResult<DescriptorFlags> {
    return ok(this.#opened.flags);
  }

  getType(): FsResult<DescriptorType> {
    return ok(this.#opened.type);
  }

  setSize(size: bigint): FsResult<undefined> {
    return perform(() => ftruncateSync(this.#file("write").fd, Number(checkOffset(size))));
  }

  setTimes(access: NewTimestamp, modification: NewTimestamp): FsResult<undefined> {
    return perform(() => {
      this.#checkWritable();
      const { fd } = this.#opened.file;
      const { atimeNs, mtimeNs } = fstatSync(fd, { bigint: true });
      const now = Date.now();
      utimesSync(descriptorPath(fd), unixSeconds(access, atimeNs, now), unixSeconds(modification, mtimeNs, now));
    });
  }

  /** At most MAX_READ bytes, and whether that was the end of the file. */
  read(length: bigint, offset: bigint): FsResult<readonly [Uint8Array, boolean]> {
    return attempt(() => {
      const { fd } = this.#file("read");
      const wanted = length < MAX_READ ? Number(length) : MAX_READ;
      const bytes = readFile(this.#context.files, fd, wanted, checkOffset(offset));
      return [bytes, wanted > 0 && bytes.byteLength === 0];
    });
  }

  /** Takes at most MAX_WRITE bytes and tells how many. */
  write(contents: Uint8Array, offset: bigint): FsResult<bigint> {
    return attempt(() => {
      const { fd } = this.#file("write");
      const length = Math.min(contents.byteLength, MAX_WRITE);
      return BigInt(writeSync(fd, contents, 0, length, Number(checkOffset(offset))));
    });
  }

  readDirectory(): FsResult<DirectoryEntryStream> {
    return attempt(() => new DirectoryEntryStream(this.#context.files, this.#directory()));
  }

  createDirectoryAt(path: string): FsResult<undefined> {
    return this.#change(path, false, (place) => {
      if (place.name === undefined) throw new FsError("exist");
      mkdirSync(placePath(place));
    });
  }

  stat(): FsResult<DescriptorStat> {
    return attempt(() => descriptorStat(fstatSync(this.#opened.file.fd, { bigint: true })));
  }

  statAt(pathFlags: PathFlags, path: string): FsResult<DescriptorStat> {
    return this.#at(path, followsEnd(pathFlags, path), (place) => descriptorStat(lookAt(place)));
  }

  setTimesAt(
    pathFlags: PathFlags,
    path: string,
    access: NewTimestamp,
    modification: NewTimestamp,
  ): FsResult<undefined> {
    return this.#change(path, followsEnd(pathFlags, path), (place) => {
      const { atimeNs, mtimeNs } = lookAt(place);
      const now = Date.now();
      const times = [unixSeconds(access, atimeNs, now), unixSeconds(modification, mtimeNs, now)] as const;
      if (place.name === undefined) utimesSync(descriptorPath(place.directory), ...times);
      else lutimesSync(placePath(place), ...times);
    });
  }

  /** Both names have to be in folders that are granted for writing: else a file could be moved to where it is. */
  linkAt(pathFlags: PathFlags, path: string, target: Descriptor, targetPath: string): FsResult<undefined> {
    return this.#pair(path, pathFlags.symlinkFollow === true, target, targetPath, linkSync);
  }

  openAt(pathFlags: PathFlags, path: string, openFlags: OpenFlags, flags: DescriptorFlags): FsResult<Descriptor> {
    return attempt(() => {
      const directory = this.#directory();
      const { writable } = this.#opened;
      const { files } = this.#context;
      const follow = followsEnd(pathFlags, path) && openFlags.exclusive !== true;
      using place = locate(directory, path, follow);
      return new Descriptor(this.#context, openIn({ files, place, openFlags, flags, writable }));
    });
  }

  readlinkAt(path: string): FsResult<string> {
    return this.#at(path, false, (place) => {
      const target = readlinkSync(placePath(place));
      // Tells about the device and leads nowhere.
      if (target.startsWith("/")) throw new FsError("not-permitted");
      return target;
    });
  }

  removeDirectoryAt(path: string): FsResult<undefined> {
    return this.#change(path, false, (place) => rmdirSync(placePath(place)));
  }

  renameAt(path: string, target: Descriptor, targetPath: string): FsResult<undefined> {
    return this.#pair(path, false, target, targetPath, renameSync);
  }

  /** The link may point anywhere but to an absolute path; where it leads is decided when it is followed. */
  symlinkAt(contents: string, path: string): FsResult<undefined> {
    return this.#change(path, false, (place) => {
      if (contents.startsWith("/")) throw new FsError("not-permitted");
      if (contents === "") throw new FsError("no-entry");
      if (contents.includes("\0")) throw new FsError("invalid");
      symlinkSync(contents, placePath(place));
    });
  }

  unlinkFileAt(path: string): FsResult<undefined> {
    return this.#change(path, false, (place) => {
      if (place.slash) throw new FsError("not-directory");
      if (place.name === undefined) throw new FsError("is-directory");
      unlinkSync(placePath(place));
    });
  }

  isSameObject(other: Descriptor): boolean {
    const [a, b] = [this, other].map((one) => fstatSync(one.#opened.file.fd, { bigint: true }));
    return a?.ino === b?.ino && a?.dev === b?.dev;
  }

  metadataHash(): FsResult<MetadataHash> {
    return attempt(() => metadataHash(fstatSync(this.#opened.file.fd, { bigint: true })));
  }

  metadataHashAt(pathFlags: PathFlags, path: string): FsResult<MetadataHash> {
    return this.#at(path, followsEnd(pathFlags, path), (place) => metadataHash(lookAt(place)));
  }

  [Symbol.dispose](): void {
    this.#opened.file.release();
  }

  #directory(): number {
    if (this.#opened.type !== "directory") throw new FsError("not-directory");
    return this.#opened.file.fd;
  }

  #file(mode?: "read" | "write"): OpenFile {
    const { file, flags, type } = this.#opened;
    if (type === "directory") throw new FsError(mode === undefined ? "bad-descriptor" : "is-directory");
    if (mode !== undefined && flags[mode] !== true) throw new FsError("bad-descriptor");
    return file;
  }

  #checkWritable(): void {
    if (!this.#opened.writable) throw new FsError("read-only");
  }

  #at<T>(path: string, follow: boolean, act: (place: Place) => T): FsResult<T> {
    return attempt(() => {
      using place = locate(this.#directory(), path, follow);
      return act(place);
    });
  }

  #change(path: string, follow: boolean, act: (place: Place) => void): FsResult<undefined> {
    return this.#at(path, follow, (place) => {
      this.#checkWritable();
      act(place);
      return undefined;
    });
  }

  #pair(
    path: string,
    follow: boolean,
    target: Descriptor,
    targetPath: string,
    act: (from: string, to: string) => void,
  ): FsResult<undefined> {
    return this.#change(path, follow, (from) => {
      using to = locate(target.#directory(), targetPath, false);
      target.#checkWritable();
      if ((from.slash || to.slash) && !lookAt(from).isDirectory()) throw new FsError("not-directory");
      act(placePath(from), placePath(to));
    });
  }

  /** A disk may take its time: the guest waits, its neighbours do not. */
  #sync(
    start: (fd: number, done: (error: Error | null) => void) => void,
  ): FsResult<undefined> | Promise<FsResult<undefined>> {
    const { file, type } = this.#opened;
    const { files, suspend } = this.#context;
    let readable: OpenFile;
    try {
      // A directory is open as a path only.
      if (type === "directory") readable = files.open(() => openSync(descriptorPath(file.fd), constants.O_DIRECTORY));
      else (readable = file).hold();
    } catch (error) {
      return failure(error);
    }
    let problem: Error | null = null;
    const synced = suspend((resume) => {
      let awaited = true;
      start(readable.fd, (error) => {
        readable.release();
        problem = error;
        if (awaited) resume();
      });
      return () => {
        awaited = false;
      };
    });
    return synced.then(() => (problem === null ? ok(undefined) : failure(problem)));
  }
}

/** A slash after a link means what the link leads to. */
const followsEnd = ({ symlinkFollow }: PathFlags, path: string): boolean =>
  symlinkFollow === true || path.endsWith("/");

function failure(error: unknown): FsResult<never> {
  const code = fsErrorCode(error);
  if (code === undefined) throw error;
  return err(code);
}

/** Node takes many positions as numbers, and files are not as large as that. */
function checkOffset(offset: bigint): bigint {
  if (offset > Number.MAX_SAFE_INTEGER) throw new FsError("invalid");
  return offset;
}
