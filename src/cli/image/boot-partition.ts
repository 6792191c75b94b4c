// The boot partition as a place for files: mounted, or within an image or on a card that nobody has mounted.

import { execFile } from "node:child_process";
import { copyFile, mkdir, open, readdir, readFile, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno, syncFolder, writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { readFat } from "./fat.ts";
import { readPartitions, type ReadAt } from "./partitions.ts";
import { inspectRoot, type RootSystem } from "./root-system.ts";

export type Content = { readonly text: string } | { readonly file: string };

export interface BootPartition {
  /** For people. */
  readonly where: string;
  /** Of its root. */
  readonly names: readonly string[];
  readonly free: number;
  /** What a file takes in whole. */
  readonly unit: number;
  /** What it boots, as far as that can be seen. */
  readonly root: RootSystem | undefined;
  /** Undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** Makes the folder it is in, and replaces what is there. */
  write(path: string, content: Content): Promise<void>;
  /** What was written survives that the card is pulled. */
  sync(): Promise<void>;
}

export async function openBootFolder(folder: string): Promise<BootPartition> {
  const { bavail, bsize } = await statfs(folder);
  return {
    where: `folder "${folder}"`,
    names: (await readdir(folder)).map((name) => name.toLowerCase()),
    free: bavail * bsize,
    unit: bsize,
    root: undefined,
    read: async (path) => {
      try {
        return await readFile(join(folder, path), "utf8");
      } catch (error) {
        if (isErrno(error, "ENOENT")) return undefined;
        throw failed(`read "${path}"`, error);
      }
    },
    write: async (path, content) => {
      const target = join(folder, path);
      try {
        await mkdir(dirname(target), { recursive: true });
        // What is there stays whole until the new one is; the package alone is new each time.
        if ("text" in content) await writeFileAtomic(target, content.text);
        else await copyDurably(content.file, target);
      } catch (error) {
        throw failed(`write "${target}"`, error);
      }
    },
    // Each file is on the disk when it is written.
    sync: async () => {},
  };
}

async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await using copy = await open(to, "r+");
  await copy.sync();
  await syncFolder(dirname(to));
}

/** Whether this looks like the boot partition of a system that can be prepared. */
export const isBoot = ({ names }: Pick<BootPartition, "names">): boolean =>
  ["cmdline.txt", "user-data", "meta-data", "config.txt"].some((name) => names.includes(name));

/**
 * Looks for the boot partition in an image, or on a card. Writes with mtools, which needs no rights but to the file.
 * @throws PetioleError ERR_IMAGE_TARGET, ERR_IMAGE_TOOL
 */
export async function openBootImage(image: string): Promise<BootPartition> {
  const { fats: found, others } = await findFats(image);
  if (found.length === 0) {
    throw new PetioleError(
      "ERR_IMAGE_TARGET",
      `Cannot prepare "${image}": it has no FAT partition; compressed images have to be unpacked first`,
    );
  }
  const roots = await Promise.all(others.map(async (offset) => await inspectRoot(image, offset)));
  const root = roots.find((one) => one !== undefined);
  const opened = await Promise.all(
    found.map(async ({ number, offset, clusterSize, free }): Promise<BootPartition> => {
      const drive = `${image}@@${offset}`;
      const where = number === 0 ? `"${image}"` : `partition ${number} of "${image}"`;
      const sync = async (): Promise<void> => {
        await using file = await open(image, "r+");
        await file.sync();
      };
      return { where, free, unit: clusterSize, root, ...(await mtoolsFiles(drive)), sync };
    }),
  );
  const signed = opened.find(isBoot);
  const [first] = opened;
  if (first === undefined) throw new PetioleError("ERR_INVARIANT", "There is no first of some partitions");
  return signed ?? first;
}

interface FoundFat {
  /** 0 when the whole is one file system. */
  readonly number: number;
  readonly offset: number;
  readonly clusterSize: number;
  readonly free: number;
}

/** Also where the partitions are that are none. */
async function findFats(image: string): Promise<{ readonly fats: FoundFat[]; readonly others: number[] }> {
  await using file = await open(image, "r");
  const read: ReadAt = async (offset, length) => {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  };
  const partitions = (await readPartitions(read)) ?? [{ number: 0, offset: 0, size: 0 }];
  const found: FoundFat[] = [];
  const others: number[] = [];
  for (const { number, offset } of partitions) {
    const fat = await readFat(read, offset);
    if (fat === undefined) others.push(offset);
    else found.push({ number, offset, clusterSize: fat.clusterSize, free: fat.free });
  }
  return { fats: found, others };
}

async function mtoolsFiles(drive: string): Promise<Pick<BootPartition, "names" | "read" | "write">> {
  const list = async (folder: string): Promise<string[]> => {
    const text = await mtools("mdir", ["-b", "-a", "-i", drive, `::${folder}`]);
    return text.split("\n").flatMap((line) => /^::\/(?:.*\/)?([^/]+)\/?$/.exec(line)?.[1] ?? []);
  };
  const names = (await list("/")).map((name) => name.toLowerCase());
  return {
    names,
    read: async (path) => (names.includes(path) ? await mtools("mtype", ["-i", drive, `::/${path}`]) : undefined),
    write: async (path, content) => {
      const folder = dirname(path);
      if (folder !== "." && !(await list("/")).includes(folder)) await mtools("mmd", ["-i", drive, `::/${folder}`]);
      const source = "text" in content ? "-" : content.file;
      await mtools("mcopy", ["-o", "-i", drive, source, `::/${path}`], "text" in content ? content.text : undefined);
    },
  };
}

async function mtools(program: string, args: readonly string[], input?: string): Promise<string> {
  // Without the user's own drive letters; and images of cards have odd geometries.
  const env = { ...process.env, MTOOLSRC: "/dev/null", MTOOLS_SKIP_CHECK: "1", MTOOLS_NO_VFAT: "0", LC_ALL: "C.UTF-8" };
  return await new Promise((resolve, reject) => {
    const child = execFile(program, args, { env, maxBuffer: 4 * 1024 ** 2 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (isErrno(error, "ENOENT")) {
        reject(
          new PetioleError(
            "ERR_IMAGE_TOOL",
            `Cannot run "${program}": install mtools (apt install mtools), or name the folder where the boot partition is mounted`,
          ),
        );
      } else
        reject(
          new PetioleError("ERR_IMAGE_TOOL", `"${program}" failed: ${stderr.trim() || reasonOf(error)}`, {
            cause: error,
          }),
        );
    });
    // A program that ends early says why itself.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}

function failed(what: string, cause: unknown): PetioleError {
  return new PetioleError("ERR_IMAGE_TOOL", `Cannot ${what}: ${reasonOf(cause)}`, { cause });
}
