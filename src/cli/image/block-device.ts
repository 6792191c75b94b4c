// Whether a block device is a card that may be written to.

import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";

export interface BlockDevice {
  /** Such as `sdb`. */
  readonly name: string;
  /** For people. */
  readonly model: string;
  readonly size: number;
}

/** Folders and files of the system; others in tests. */
export interface BlockDeviceSystem {
  readonly sys: string;
  readonly mountinfo: string;
  readonly swaps: string;
  /** Of the disk that a path leads to, such as `8:16`. */
  readonly numberOf: (path: string) => Promise<string>;
}

const SYSTEM: BlockDeviceSystem = {
  sys: "/sys/class/block",
  mountinfo: "/proc/self/mountinfo",
  swaps: "/proc/swaps",
  numberOf: async (path) => {
    const { rdev } = await stat(path, { bigint: true });
    // makedev(3)
    const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
    const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn & 0xffffffffn);
    return `${major}:${minor}`;
  },
};

/**
 * Takes a whole, removable disk of which nothing is in use, and no other.
 * @throws PetioleError ERR_IMAGE_TARGET
 */
export async function checkBlockDevice(path: string, system = SYSTEM): Promise<BlockDevice> {
  const name = basename(path);
  const refuse = (why: string): PetioleError =>
    new PetioleError("ERR_IMAGE_TARGET", `Cannot prepare "${path}": ${why}`);
  const folder = join(system.sys, name);
  const text = async (...parts: string[]): Promise<string> =>
    (await readFile(join(folder, ...parts), "utf8").catch(() => "")).trim();
  const inside = await readdir(folder).catch(() => undefined);
  if (inside === undefined) throw refuse("the kernel does not know it as a disk");
  // A link may have the name of another disk.
  if ((await system.numberOf(path)) !== (await text("dev"))) throw refuse(`it is not the disk "${name}" of the kernel`);
  if (inside.includes("partition")) throw refuse("it is a partition; name the whole disk");
  // A card in a slot of the board counts as built in. Soldered memory says MMC.
  const isCard = (await text("removable")) === "1" || (await text("device", "type")) === "SD";
  if (!isCard) throw refuse("it is not removable");
  const parts = [name, ...inside.filter((one) => one.startsWith(name))];
  const mounts = await readFile(system.mountinfo, "utf8").catch(() => "");
  const swaps = await readFile(system.swaps, "utf8").catch(() => "");
  for (const part of parts) {
    const at = part === name ? [] : [part];
    const number = await text(...at, "dev");
    // Not by the number alone: some file systems, such as btrfs, have numbers of their own.
    const mount = mounts.split("\n").find((line) => {
      const [, , mounted] = line.split(" ");
      return (number !== "" && mounted === number) || line.split(" - ")[1]?.split(" ")[1] === `/dev/${part}`;
    });
    if (mount !== undefined) throw refuse(`"${part}" is mounted at "${mount.split(" ")[4]}"; unmount it first`);
    if (swaps.split("\n").some((line) => line.split(/\s/)[0] === `/dev/${part}`)) throw refuse(`"${part}" is swap`);
    const holders = await readdir(join(folder, ...at, "holders")).catch(() => []);
    if (holders.length > 0) throw refuse(`"${holders[0]}" uses "${part}"`);
  }
  const model = [await text("device", "vendor"), (await text("device", "model")) || (await text("device", "name"))];
  return {
    name,
    model: model.filter((one) => one !== "").join(" ") || "no name",
    size: Number(await text("size")) * 512,
  };
}
