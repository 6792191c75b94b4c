// What scenarios are given, and what they are.

import { mkdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Checks } from "./checks.ts";
import { createDevice, type Device, type DeviceOptions } from "./device.ts";
import type { Machine } from "./kernel.ts";
import type { Debian } from "./rootfs.ts";

export interface Lab {
  readonly machine: Machine;
  /** Made the first time that somebody asks. */
  readonly debian: () => Promise<Debian>;
  /** The package for arm64 that is tried. */
  readonly package: () => string;
  /** Of this run: logs and disks. */
  readonly folder: string;
  /** A new device under this name. Its disk begins as Debian, or as that of another one, which may not be used any more. */
  createDevice(name: string, options?: LabDeviceOptions): Promise<Device>;
}

interface LabDeviceOptions extends Partial<Omit<DeviceOptions, "folder" | "disk" | "second">> {
  /** Size of an empty second disk. */
  readonly partition?: `${number}M`;
  readonly from?: string;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** Names of scenarios that must have gone well before. */
  readonly needs?: readonly string[];
  readonly run: (lab: Lab, checks: Checks) => Promise<void>;
}

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "petiole/device-lab");

export function createLab(parts: Omit<Lab, "createDevice">): Lab {
  const diskOf = (name: string): string => join(parts.folder, name, "disk.qcow2");
  return {
    ...parts,
    createDevice: async (name, { from, partition, ...options } = {}) => {
      const folder = join(parts.folder, name);
      await mkdir(folder, { recursive: true });
      const { makeDisk, makeEmpty, boot } = await parts.debian();
      makeDisk(diskOf(name), from === undefined ? undefined : diskOf(from));
      const second = partition === undefined ? {} : { second: join(folder, "second.qcow2") };
      if (second.second !== undefined && partition !== undefined) makeEmpty(second.second, partition);
      return await createDevice({ boot, ...options, ...second, folder, disk: diskOf(name) });
    },
  };
}
