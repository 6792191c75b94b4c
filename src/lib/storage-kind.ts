// Whether what is written to a folder survives a reboot, and on what it lies.

import { readFile, realpath, stat, statfs } from "node:fs/promises";

export interface StorageKind {
  /** `unknown`: an overlay whose upper layer cannot be seen from here. */
  readonly survives: "yes" | "no" | "unknown";
  /** Such as `ext4`. */
  readonly fileSystem: string;
  readonly mountPoint: string;
  /** Why it does not survive or may not, or what else is wrong with it; for people. */
  readonly reason: string | undefined;
}

export interface Mount {
  readonly mountPoint: string;
  readonly fileSystem: string;
  /** Such as `/dev/mmcblk0p2`. */
  readonly source: string;
  readonly upper: string | undefined;
  /** Of the mount and of the file system, such as `ro`, `noatime`, `commit=60`. */
  readonly options: readonly string[];
}

/** statfs(2): f_type. */
const TYPES: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
  [0x794c7630, "overlay"],
]);

/** @throws what stat() of the folder fails with */
export async function inspectStorage(folder: string): Promise<StorageKind> {
  const path = await realpath(folder);
  const [{ type }, mounts] = await Promise.all([statfs(path), readMounts()]);
  const upper = mountOf(path, mounts)?.upper;
  const isUpperHere = upper !== undefined && (await stat(upper).then(...isThere));
  return judgeStorage({ path, type: TYPES.get(type), mounts, isUpperHere });
}

const isThere = [(): boolean => true, (): boolean => false] as const;

interface Evidence {
  readonly path: string;
  /** By statfs(), of the kinds that matter here. */
  readonly type: string | undefined;
  readonly mounts: readonly Mount[];
  /** Whether the upper layer of the overlay is a folder that can be seen. */
  readonly isUpperHere: boolean;
}

export function judgeStorage({ path, type, mounts, isUpperHere }: Evidence): StorageKind {
  const mount = mountOf(path, mounts);
  const fileSystem = type ?? mount?.fileSystem ?? "unknown";
  const found = { fileSystem, mountPoint: mount?.mountPoint ?? "/" };
  const memory = inMemory(fileSystem, mount?.source);
  if (memory !== undefined) return { ...found, survives: "no", reason: `it lies in memory (${memory})` };
  if (fileSystem !== "overlay") return { ...found, survives: "yes", reason: undefined };
  const below = mount?.upper === undefined ? undefined : mountOf(mount.upper, mounts);
  if (below !== undefined) {
    const lost = inMemory(below.fileSystem, below.source);
    if (lost !== undefined) {
      return { ...found, survives: "no", reason: `it lies on an overlay that writes to memory (${lost})` };
    }
    if (isUpperHere) {
      const reason = "it lies on an overlay, which databases are not made for: give it a disk of its own";
      return { ...found, survives: "yes", reason };
    }
  }
  return { ...found, survives: "unknown", reason: "it lies on an overlay, which may write to memory alone" };
}

function inMemory(fileSystem: string, source: string | undefined): string | undefined {
  if (fileSystem === "tmpfs" || fileSystem === "ramfs") return fileSystem;
  return source !== undefined && /^\/dev\/z?ram\d+$/.test(source) ? source : undefined;
}

/** Of two mounts over each other the later one is seen. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({ mountPoint }) => mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`))
    .reduce<Mount | undefined>(
      (best, one) => (best === undefined || one.mountPoint.length >= best.mountPoint.length ? one : best),
      undefined,
    );
}

async function readMounts(): Promise<Mount[]> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8").catch(() => ""));
}

/** proc_pid_mountinfo(5). */
export function parseMountInfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [before = "", after] = line.split(" - ", 2);
    const [, , , , mountPoint, mountOptions = ""] = before.split(" ");
    const [fileSystem, source, options = ""] = (after ?? "").split(" ");
    if (mountPoint === undefined || fileSystem === undefined || source === undefined) return [];
    const upper = /(?:^|,)upperdir=((?:\\.|[^,\\])*)/.exec(options)?.[1];
    return [
      {
        mountPoint: unescaped(mountPoint),
        fileSystem,
        source: unescaped(source),
        upper: upper === undefined ? undefined : unescaped(upper),
        options: [mountOptions, options].flatMap((list) => list.split(",")),
      },
    ];
  });
}

/** The kernel writes white space and backslashes as three octal digits. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
