// Where petiole keeps its files, and how worn that is.

import { dirname } from "node:path";
import { judgeStorage, mountOf, parseMountInfo, type Mount } from "../lib/storage-kind.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const MIB = 1024 ** 2;
/** Without so much, the store cannot even tidy up. */
const LEAST_FREE = 16 * MIB;
const FEW_INODES = 0.05;
/** File systems that a database does not like. */
const UNSUITABLE: Readonly<Record<string, string>> = {
  vfat: "has no permissions and no journal",
  exfat: "has no permissions and no journal",
  nfs: "is on another machine",
  nfs4: "is on another machine",
  cifs: "is on another machine",
};

export interface Needs {
  readonly stateDir: string;
  readonly cacheDir: string;
  /** What the outbox may still grow by, in bytes. */
  readonly growth: number;
}

export function examineDisk(machine: Machine, { stateDir, cacheDir, growth }: Needs): Finding[] {
  const mounts = parseMountInfo(machine.read("/proc/self/mountinfo") ?? "");
  const state = placeOf(machine, mounts, stateDir);
  const cache = placeOf(machine, mounts, cacheDir);
  const findings = [...kind("disk", state, machine, mounts), ...room("disk", state, growth)];
  if (cache.mount?.mountPoint !== state.mount?.mountPoint) findings.push(...room("cache", cache, 0));
  return findings;
}

/** A folder, or the nearest above it that is there, with what holds it. */
interface Place {
  readonly path: string;
  readonly mount: Mount | undefined;
  readonly space: ReturnType<Machine["space"]>;
}

function placeOf(machine: Machine, mounts: readonly Mount[], wanted: string): Place {
  let path = wanted;
  while (path !== "/" && machine.access(path) === undefined) path = dirname(path);
  return { path: wanted, mount: mountOf(machine.real(path) ?? path, mounts), space: machine.space(path) };
}

function kind(check: string, { path, mount }: Place, machine: Machine, mounts: readonly Mount[]): Finding[] {
  if (mount === undefined) return [{ check, level: "unknown", message: `nothing says what holds ${path}` }];
  const what = `${path} is on ${mount.fileSystem} (${mount.source})`;
  if (mount.options.includes("ro")) {
    const remedy = "mount it for writing: until then nothing survives the agent's process";
    return [{ check, level: "fault", message: `${what}, which is read-only`, remedy }];
  }
  const isUpperHere = mount.upper !== undefined && machine.access(mount.upper) !== undefined;
  const { survives, reason } = judgeStorage({ path: mount.mountPoint, type: undefined, mounts, isUpperHere });
  if (reason !== undefined) {
    const remedy = "give it a partition of its own: what does not last is gone after a restart";
    return [{ check, level: survives === "no" ? "fault" : "warning", message: `${what}: ${reason}`, remedy }];
  }
  const why = UNSUITABLE[mount.fileSystem];
  if (why !== undefined) {
    return [{ check, level: "warning", message: `${what}, which ${why}`, remedy: "use ext4 on a disk of the device" }];
  }
  const commit = mount.options.find((option) => option.startsWith("commit="));
  const slow = commit !== undefined && Number(commit.slice("commit=".length)) > 30;
  const hint = slow ? `; ${commit} delays what is not flushed` : "";
  return [{ check, level: slow ? "note" : "ok", message: `${what}${hint}` }];
}

function room(check: string, { path, space }: Place, growth: number): Finding[] {
  if (space === undefined) return [{ check, level: "unknown", message: `nothing says how full ${path} is` }];
  const free = `${Math.round(space.free / MIB)} MiB are free for ${path}`;
  const needed = Math.round(growth / MIB);
  const findings: Finding[] = [];
  if (space.free < LEAST_FREE) {
    findings.push({ check, level: "fault", message: free, remedy: "free some: messages will be refused" });
  } else if (space.free < growth) {
    const remedy = "free some, or set a smaller outbox.max_size";
    findings.push({ check, level: "warning", message: `${free}, and the outbox may grow by ${needed} MiB`, remedy });
  } else findings.push({ check, level: "ok", message: free });
  if (space.inodes > 0 && space.freeInodes / space.inodes < FEW_INODES) {
    const message = `${space.freeInodes} of ${space.inodes} inodes are free for ${path}`;
    findings.push({ check, level: "warning", message, remedy: "many small files fill the disk: remove some" });
  }
  return findings;
}

/** JEDEC 84-B51: life time estimates in steps of 10 %, and the state of the reserved blocks. */
const PRE_EOL: Readonly<Record<number, string>> = {
  2: "80 % of the spare blocks are used",
  3: "the spare blocks are used up",
};

/** How worn the disks are, as far as they tell, and how much was written since boot. */
export function examineWear(machine: Machine, uptime: number): Finding[] {
  return machine
    .list("/sys/block")
    .filter((name) => /^(mmcblk\d+|sd[a-z]+|nvme\d+n\d+|vd[a-z]+)$/.test(name))
    .map((name) => wearOf(machine, name, uptime));
}

function wearOf(machine: Machine, name: string, uptime: number): Finding {
  const check = "wear";
  const written = writtenSinceBoot(machine, name);
  const pace = written === undefined ? "" : `; ${Math.round(written / MIB)} MiB written in ${days(uptime)} since boot`;
  const levels = (machine.read(`/sys/block/${name}/device/life_time`) ?? "")
    .split(/\s+/)
    .map((text) => Number.parseInt(text, 16))
    .filter((level) => level >= 1 && level <= 11);
  const reserve = PRE_EOL[Number.parseInt(machine.read(`/sys/block/${name}/device/pre_eol_info`) ?? "0", 16)];
  if (levels.length === 0) {
    const tells =
      machine.read(`/sys/block/${name}/device/type`) === "SD"
        ? "an SD card does not tell its wear"
        : "it does not tell its wear";
    return { check, level: "note", message: `${name}: ${tells}${pace}` };
  }
  const worst = Math.max(...levels);
  const used =
    worst === 11
      ? "more than its life time is used"
      : `${(worst - 1) * 10} to ${worst * 10} % of its life time are used`;
  const message = `${name}: ${[used, reserve].filter((part) => part !== undefined).join(", ")}${pace}`;
  if (worst < 8 && reserve === undefined) return { check, level: "ok", message };
  return {
    check,
    level: worst === 11 || reserve?.endsWith("up") === true ? "fault" : "warning",
    message,
    remedy: "plan its replacement",
  };
}

/** Bytes; Documentation/block/stat: the seventh number counts sectors of 512 bytes. */
export function writtenSinceBoot(machine: Machine, name: string): number | undefined {
  const sectors = machine.read(`/sys/block/${name}/stat`)?.split(/\s+/)[6];
  return sectors === undefined ? undefined : Number(sectors) * 512;
}

const days = (seconds: number): string =>
  seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} d`;
