// Programs that make and read images of cards: sfdisk, mkfs.vfat and mtools.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { findProgram } from "./mqtt.ts";
import { skipping } from "./skip.ts";

const run = promisify(execFile);
const CACHE = resolve(import.meta.dirname, "..", "..", "node_modules", ".cache", "petiole", "flash-tools");
const PACKAGES = ["mtools", "dosfstools", "fdisk"];
const PROGRAMS = ["mcopy", "mkfs.vfat", "sfdisk"];
const PLACES = ["usr/bin", "usr/sbin", "sbin", "bin"];

export interface FlashTools {
  /** With the programs in its PATH. */
  readonly env: NodeJS.ProcessEnv;
  run(program: string, ...args: readonly string[]): Promise<string>;
}

/** Those that are installed, or Debian's packages, which are fetched once. Undefined, with the reason printed, without. */
export async function flashTools(): Promise<FlashTools | undefined> {
  const installed = PROGRAMS.every((name) => findProgram(name) !== undefined || findIn("/", name));
  const reason = installed ? undefined : await fetchOnce();
  if (reason !== undefined) {
    skipping(
      true,
      "the tests with images of cards",
      `mtools, dosfstools and fdisk are missing, and cannot be fetched: ${reason}`,
    );
    return undefined;
  }
  const roots = installed ? ["/"] : [CACHE, "/"];
  const path = [...roots.flatMap((root) => PLACES.map((place) => join(root, place))), process.env["PATH"] ?? ""];
  const env = { ...process.env, PATH: path.join(":"), MTOOLSRC: "/dev/null", MTOOLS_SKIP_CHECK: "1" };
  return { env, run: async (program, ...args) => (await run(program, args, { env })).stdout };
}

async function fetchOnce(): Promise<string | undefined> {
  if (PROGRAMS.every((name) => findIn(CACHE, name))) return undefined;
  const folder = await mkdtemp(join(tmpdir(), "petiole-flash-"));
  try {
    // apt downloads as a user of its own.
    await chmod(folder, 0o777);
    await run("apt-get", ["download", "-qq", ...PACKAGES], { cwd: folder, timeout: 120_000 });
    const ready = `${CACHE}.${process.pid}`;
    await mkdir(ready, { recursive: true });
    for (const file of await readdir(folder)) await run("dpkg-deb", ["-x", join(folder, file), ready]);
    await mkdir(dirname(CACHE), { recursive: true });
    await rename(ready, CACHE).catch(async (error: unknown) => {
      await rm(ready, { recursive: true, force: true });
      // Another test was faster.
      if (!PROGRAMS.every((name) => findIn(CACHE, name))) throw error;
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const findIn = (root: string, name: string): boolean => PLACES.some((place) => existsSync(join(root, place, name)));

export interface CardOptions {
  readonly path: string;
  readonly table: "dos" | "gpt" | "none";
  readonly fat: 12 | 16 | 32;
  /** Of the boot partition, in MiB. */
  readonly size: number;
  /** In its root, by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Folders of a root partition of ext4, parents first; none unless given. */
  readonly root?: readonly string[];
}

export interface CardImage {
  /** What mtools takes for the boot partition. */
  readonly drive: string;
  read(path: string): Promise<string>;
  list(folder: string): Promise<string[]>;
}

/** An image as of a card: a boot partition of FAT, and another that stands for the root. */
export async function makeCard(
  tools: FlashTools,
  { path, table, fat, size, files, root }: CardOptions,
): Promise<CardImage> {
  const offset = table === "none" ? 0 : 1024 ** 2;
  await writeFile(path, "");
  await truncate(path, offset + (size + 2) * 1024 ** 2);
  if (table !== "none") {
    const types = table === "dos" ? ["c", "83"] : ["U", "L"];
    const script = `${path}.sfdisk`;
    await writeFile(
      script,
      `label: ${table}\nstart=2048, size=${size}M, type=${types[0]}\nsize=512K, type=${types[1]}\n`,
    );
    await tools.run("sh", "-c", 'sfdisk -q "$1" <"$2"', "sh", path, script);
  }
  // Blocks of a kibibyte; with --offset the sectors before it are left alone.
  const where = ["--offset", String(offset / 512)];
  await tools.run("mkfs.vfat", "-F", String(fat), ...where, "-n", "BOOTFS", path, String(size * 1024));
  if (root !== undefined) {
    const at = offset + size * 1024 ** 2;
    await tools.run("mkfs.ext4", "-q", "-F", "-E", `offset=${at}`, path, "512K");
    for (const folder of root) await tools.run("debugfs", "-w", "-R", `mkdir ${folder}`, `${path}?offset=${at}`);
  }
  const drive = `${path}@@${offset}`;
  for (const [name, text] of Object.entries(files)) {
    await writeFile(`${path}.file`, text);
    await tools.run("mcopy", "-i", drive, `${path}.file`, `::/${name}`);
  }
  return {
    drive,
    read: async (name) => await tools.run("mtype", "-i", drive, `::/${name}`),
    list: async (folder) => (await tools.run("mdir", "-b", "-i", drive, `::/${folder}`)).trim().split("\n"),
  };
}

/** Debian has e2fsprogs on every system that boots; a container may not. */
export const hasExt4 = async (tools: FlashTools): Promise<boolean> =>
  await Promise.all([tools.run("mkfs.ext4", "-V"), tools.run("debugfs", "-V")]).then(
    () => true,
    () => false,
  );
