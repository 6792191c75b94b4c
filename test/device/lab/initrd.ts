// What Debian's kernel starts from: its drivers of disks are modules. BusyBox loads those that the root takes, and goes there.

import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { createArchive, type ArchiveEntry } from "./cpio.ts";
import type { Kernel } from "./kernel.ts";

const WANTED = ["virtio_pci", "virtio_blk", "ext4", "crc32c_generic", "overlay"];

const INIT = `#!/bin/sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev; $b mount -t proc proc /proc; $b mount -t sysfs sys /sys
for module in /modules/*; do $b insmod $module; done
until [ -b /dev/vda ]; do $b usleep 50000; done
case " $($b cat /proc/cmdline) " in
*" lab.overlay "*)
  # As overlayroot has it: what is written is in memory.
  $b mount -t ext4 -o ro /dev/vda /lower
  $b mount -t tmpfs -o size=256m tmpfs /upper
  $b mkdir /upper/data /upper/work
  $b mount -t overlay -o lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work overlay /root ;;
*) $b mount -t ext4 -o rw,noatime /dev/vda /root ;;
esac
$b umount /proc; $b umount /sys; $b mount -o move /dev /root/dev
exec $b switch_root /root /sbin/init
`;

/** By the index that depmod made: a module, and then those that it needs. */
export function orderModules(index: string, wanted: readonly string[]): string[] {
  const needs = new Map(
    index
      .split("\n")
      .filter((line) => line.includes(":"))
      .map((line) => {
        const [path = "", rest = ""] = line.split(":");
        return [path, rest.split(" ").filter((part) => part !== "")] as const;
      }),
  );
  const named = new Map([...needs.keys()].map((path) => [basename(path, ".ko").replaceAll("-", "_"), path]));
  const ordered: string[] = [];
  const add = (path: string): void => {
    if (ordered.includes(path)) return;
    for (const needed of needs.get(path) ?? []) add(needed);
    ordered.push(path);
  };
  for (const name of wanted) {
    // What is built in is in no index.
    const path = named.get(name);
    if (path !== undefined) add(path);
  }
  return ordered;
}

export async function createInitrd(kernel: Kernel, index: string, busybox: string): Promise<Buffer> {
  const folder = (path: string): ArchiveEntry => ({ path, kind: "folder" });
  const file = (path: string, content: Uint8Array): ArchiveEntry => ({ path, kind: "file", content, executable: true });
  const modules = orderModules(index, WANTED);
  const loaded = modules.map(async (module, place) => {
    const name = `${String(place).padStart(2, "0")}-${basename(module)}`;
    return file(`modules/${name}`, await readFile(join(kernel.modules, module)));
  });
  return gzipSync(
    createArchive([
      ...["bin", "dev", "proc", "sys", "root", "lower", "upper", "modules"].map(folder),
      file("bin/busybox", await readFile(busybox)),
      { path: "bin/sh", kind: "link", content: Buffer.from("busybox") },
      file("init", Buffer.from(INIT)),
      ...(await Promise.all(loaded)),
    ]),
    { level: 1 },
  );
}
