// Whether the kernel keeps to limits of memory. The firmware of a Raspberry Pi switches them off on the kernel's command
// line, and then nothing says that MemoryMax= of a unit is ignored.

import { readFileSync } from "node:fs";
import { bytes, type Bytes } from "../domain/units.ts";

export interface MemoryLimits {
  /** `enforced`: a limit holds. `none`: nobody set one. `off`: the kernel ignores limits. */
  readonly state: "enforced" | "none" | "off" | "unknown";
  /** At which processes are ended; the narrowest of the process's group and those around it. */
  readonly max: Bytes | undefined;
  /** Above which they are slowed down. */
  readonly high: Bytes | undefined;
  /** Why limits are off or unknown, and what to do; for people. */
  readonly reason: string | undefined;
}

/** What the files of the kernel say; undefined for one that cannot be read. */
export interface MemoryFacts {
  /** `/proc/self/cgroup` */
  readonly membership: string | undefined;
  /** `cgroup.controllers` of the outermost group. */
  readonly controllers: string | undefined;
  /** `/proc/cmdline` */
  readonly commandLine: string | undefined;
  /** `memory.max` and `memory.high` of the process's group and those around it. */
  readonly max: readonly string[];
  readonly high: readonly string[];
}

const REMEDY =
  "add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt (on older systems /boot/cmdline.txt) and reboot";

export function judgeMemoryLimits({ membership, controllers, commandLine, max, high }: MemoryFacts): MemoryLimits {
  const nothing = { max: undefined, high: undefined };
  if (membership !== undefined && /^\d+:([^:]*,)?memory(,[^:]*)?:/m.test(membership)) {
    return {
      state: "unknown",
      ...nothing,
      reason: "memory is counted by version 1 of control groups, which is not looked at",
    };
  }
  if (controllers === undefined) {
    return { state: "unknown", ...nothing, reason: "no control groups of version 2 are mounted at /sys/fs/cgroup" };
  }
  if (!controllers.split(/\s+/).includes("memory")) {
    const isDisabled = commandLine?.split(/\s+/).some((word) => /^cgroup_disable=([^ ]*,)?memory(,|$)/.test(word));
    const why = isDisabled === true ? "cgroup_disable=memory on the kernel's command line" : "the kernel's settings";
    return { state: "off", ...nothing, reason: `limits of memory are switched off by ${why}: ${REMEDY}` };
  }
  const limits = { max: narrowest(max), high: narrowest(high) };
  const isLimited = limits.max !== undefined || limits.high !== undefined;
  return { state: isLimited ? "enforced" : "none", ...limits, reason: undefined };
}

/** `max` stands for no limit. */
function narrowest(texts: readonly string[]): Bytes | undefined {
  const limits = texts.map((text) => text.trim()).filter((text) => /^\d+$/.test(text));
  return limits.length === 0 ? undefined : bytes(Math.min(...limits.map(Number)));
}

/** Asks the kernel about the process that this runs in. `root` stands in for `/` in tests. */
export function readMemoryLimits(root = ""): MemoryLimits {
  const mount = `${root}/sys/fs/cgroup`;
  const membership = read(`${root}/proc/self/cgroup`);
  const path = membership === undefined ? undefined : /^0::(\/.*)$/m.exec(membership)?.[1];
  const groups = path === undefined ? [] : groupsAround(path);
  const each = (file: string): string[] => groups.flatMap((group) => read(`${mount}${group}/${file}`) ?? []);
  return judgeMemoryLimits({
    membership,
    controllers: read(`${mount}/cgroup.controllers`),
    commandLine: read(`${root}/proc/cmdline`),
    max: each("memory.max"),
    high: each("memory.high"),
  });
}

/** `/a/b` lies in `/a`, and that in the outermost group, which has no limits. */
function groupsAround(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
