import { accessSync, constants, readFileSync, readdirSync, realpathSync, statfsSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { isErrno } from "../lib/files.ts";

const LONGEST_FILE = 1024 * 1024;

/** Of a file: who may do what with it. */
export interface Access {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly kind: "file" | "folder" | "device" | "other";
}

/** What is asked of the machine; a folder can stand for its root, for tests. */
export interface Machine {
  /** Text of a file, without blanks at its ends; undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** Whether the user who asks may not read it, whatever is there. */
  isHidden(path: string): boolean;
  /** Names in a folder, sorted; none when it cannot be read. */
  list(path: string): readonly string[];
  access(path: string): Access | undefined;
  /** Where a path leads to, with no link in it; undefined when nothing is there. */
  real(path: string): string | undefined;
  /** Bytes and inodes of the file system that holds `path`. */
  space(path: string): Space | undefined;
}

export interface Space {
  readonly size: number;
  /** For users that are not root. */
  readonly free: number;
  /** Zero where a file system does not count them. */
  readonly inodes: number;
  readonly freeInodes: number;
}

export function openMachine(root = "/"): Machine {
  const at = (path: string): string => join(root, path);
  return {
    read: (path) =>
      attempt(() => {
        const text = readFileSync(at(path), "utf8");
        return text.length > LONGEST_FILE ? undefined : text.replaceAll("\0", "").trim();
      }),
    isHidden(path) {
      try {
        accessSync(at(path), constants.R_OK);
        return false;
      } catch (error) {
        return isErrno(error, "EACCES");
      }
    },
    list: (path) => attempt(() => readdirSync(at(path)).toSorted()) ?? [],
    access: (path) =>
      attempt(() => {
        const stats = statSync(at(path));
        const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
        const kind = isDevice ? "device" : stats.isDirectory() ? "folder" : stats.isFile() ? "file" : "other";
        return { uid: stats.uid, gid: stats.gid, mode: stats.mode & 0o7777, kind };
      }),
    real: (path) => attempt(() => join("/", relative(realpathSync(root), realpathSync(at(path))))),
    space: (path) =>
      attempt(() => {
        const { bsize, blocks, bavail, files, ffree } = statfsSync(at(path));
        return { size: bsize * blocks, free: bsize * bavail, inodes: files, freeInodes: ffree };
      }),
  };
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined; // Whoever asks says what cannot be found out without it.
  }
}
