// Finds what a path names without ever leaving the directory that it begins at.
//
// The kernel is never given more than one step of a guest's path at a time, and never follows a link for it: each step is
// opened relative to the open directory before it (`/proc/self/fd/<n>/<name>`, which is what openat does), as a path
// only (O_PATH: no permission to read is needed, and devices and pipes do not notice), with O_NOFOLLOW. Links are read
// and walked here, and `..` goes back to the directory that the walk came from. So whatever somebody else renames or
// links meanwhile, no step leads out.

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  type BigIntStats,
} from "node:fs";
import { isInside } from "../../../lib/is-inside.ts";
import { FsError } from "./errors.ts";

/** As in Linux, for one path. */
export const MAX_LINKS = 40;
/** Bytes of a path that a guest gives, and of one that comes about by following links. */
export const MAX_PATH = 4096;
/** Directories that one walk holds open. */
export const MAX_DEPTH = 256;

// Not among Node's constants; the same on x86-64 and arm64.
const O_PATH = 0o10_000_000;

/** An open directory or file as a path, for calls that take no descriptor. */
export const descriptorPath = (fd: number): string => `/proc/self/fd/${fd}`;

/** A name in an open directory, or the directory itself. Disposing it closes the directory. */
export interface Place extends Disposable {
  readonly directory: number;
  /** One step, never `.` or `..`; undefined for the directory itself. It may name nothing yet. */
  readonly name: string | undefined;
  /** The path ended in a slash: what it names has to be a directory. */
  readonly slash: boolean;
}

/** For calls that do not follow a link at the end of their path. @throws FsError when the place is a directory itself */
export function placePath({ directory, name }: Place): string {
  if (name === undefined) throw new FsError("invalid");
  return `${descriptorPath(directory)}/${name}`;
}

/**
 * With `follow`, a link at the end is followed; should one appear there later, it is not.
 * @throws FsError, and what Node's file system throws
 */
export function locate(root: number, path: string, follow: boolean): Place {
  const walk = new Walk(root, path);
  try {
    return walk.run(follow);
  } catch (error) {
    walk.close();
    throw error;
  }
}

/**
 * Opens a folder of the device as the root of walks. Links on the way to it are followed; what is open then has to be below
 * one of `within`, so a link that somebody makes at any time leads nowhere else.
 * @throws FsError `not-permitted` when it is not, and what Node's file system throws
 */
export function openRoot(folder: string, within?: readonly string[]): number {
  const fd = openSync(folder, O_PATH | constants.O_DIRECTORY);
  try {
    if (within !== undefined && !isBelow(within, readlinkSync(descriptorPath(fd)))) throw new FsError("not-permitted");
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const isBelow = (folders: readonly string[], path: string): boolean =>
  folders.some((one) => {
    try {
      return isInside(realpathSync(one), path);
    } catch {
      // One that is not there has nothing below it.
      return false;
    }
  });

/** Opens what is at a place as a path only: it can be looked at and walked from, not read. A link is opened itself. */
export function openPlace(place: Place): number {
  const { directory, name, slash } = place;
  if (name === undefined) return openSync(descriptorPath(directory), O_PATH | constants.O_DIRECTORY);
  const only = slash ? constants.O_DIRECTORY : 0;
  return openSync(placePath(place), O_PATH | constants.O_NOFOLLOW | only);
}

/** What is at a place; of a link, the link itself. */
export function lookAt(place: Place): BigIntStats {
  const fd = openPlace(place);
  try {
    return fstatSync(fd, { bigint: true });
  } finally {
    closeSync(fd);
  }
}

class Walk {
  readonly #root: number;
  /** The directories on the way, below the root. */
  readonly #opened: number[] = [];
  /** Steps to go, the next one last. */
  #steps: string[];
  #slash: boolean;
  #links = 0;

  constructor(root: number, path: string) {
    this.#root = root;
    checkPath(path);
    this.#slash = path.endsWith("/");
    this.#steps = stepsOf(path);
  }

  run(follow: boolean): Place {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      if (step === "..") this.#leave();
      else if (step !== "." && !this.#isLast()) this.#enter(step);
      else if (step !== ".") {
        const target = follow ? readLink(this.#path(step)) : undefined;
        if (target === undefined) return this.#place(step);
        this.#follow(target);
      }
    }
    return this.#place(undefined);
  }

  close(): void {
    for (const fd of this.#opened.splice(0)) closeSync(fd);
  }

  #isLast(): boolean {
    return this.#steps.length === 0;
  }

  get #directory(): number {
    return this.#opened.at(-1) ?? this.#root;
  }

  #path(step: string): string {
    return `${descriptorPath(this.#directory)}/${step}`;
  }

  #enter(step: string): void {
    if (this.#opened.length >= MAX_DEPTH) throw new FsError("name-too-long");
    const path = this.#path(step);
    try {
      this.#opened.push(openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW));
    } catch (error) {
      const target = readLink(path);
      if (target === undefined) throw error;
      this.#follow(target);
    }
  }

  #leave(): void {
    const fd = this.#opened.pop();
    if (fd === undefined) throw new FsError("not-permitted");
    closeSync(fd);
  }

  #follow(target: string): void {
    if (++this.#links > MAX_LINKS) throw new FsError("loop");
    checkPath(target);
    if (this.#isLast()) this.#slash ||= target.endsWith("/");
    const steps = [...this.#steps, ...stepsOf(target)];
    if (steps.length > MAX_PATH) throw new FsError("name-too-long");
    this.#steps = steps;
  }

  /** The walk's last directory is the place's from now on. */
  #place(name: string | undefined): Place {
    const directory = this.#directory;
    if (directory !== this.#root) this.#opened.pop();
    this.close();
    return {
      directory,
      name,
      slash: this.#slash,
      [Symbol.dispose]: () => {
        if (directory !== this.#root) closeSync(directory);
      },
    };
  }
}

function checkPath(path: string): void {
  if (path === "") throw new FsError("no-entry");
  if (path.startsWith("/")) throw new FsError("not-permitted");
  if (path.includes("\0")) throw new FsError("invalid");
  if (Buffer.byteLength(path) > MAX_PATH) throw new FsError("name-too-long");
}

/** In reverse order. Slashes in a row count as one. */
function stepsOf(path: string): string[] {
  return path
    .split("/")
    .filter((step) => step !== "")
    .toReversed();
}

/** Undefined when there is no link; whatever else is wrong there shows when it is used. */
function readLink(path: string): string | undefined {
  try {
    // Most names are no links, and what Node throws is dear.
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return isLink ? readlinkSync(path) : undefined;
  } catch {
    return undefined;
  }
}
