import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { millis, type Millis } from "../../domain/units.ts";
import type { Clock } from "../clock.ts";
import { readSmallFile } from "../files.ts";
import { askChrony, CHRONY_PORT } from "./chrony.ts";
import type { LocalWitnesses } from "./verdict.ts";

export interface WitnessPaths {
  /** systemd-timesyncd touches it whenever it sets the clock. */
  readonly timesyncd: string;
  /** The battery-backed clocks. */
  readonly rtc: string;
  readonly chronyPort: number;
}

export const SYSTEM_WITNESSES: WitnessPaths = {
  timesyncd: "/run/systemd/timesync/synchronized",
  rtc: "/sys/class/rtc",
  chronyPort: CHRONY_PORT,
};

const CHRONY_TIMEOUT = millis(500);
/** More clocks than any board has. */
const MOST_CLOCKS = 8;
const LONGEST_NUMBER = 64;

/**
 * What the device knows of its own clock. The kernel's word (adjtimex) is not among it: Node has no way to ask, and the
 * system call filter of the service ends a process that does.
 */
export async function askWitnesses(paths: WitnessPaths, clock: Clock): Promise<LocalWitnesses> {
  const [timesyncd, chrony, rtc] = await Promise.all([
    timeOf(paths.timesyncd),
    askChrony(CHRONY_TIMEOUT, paths.chronyPort),
    readClock(paths.rtc, clock),
  ]);
  return { timesyncd, chrony, rtc };
}

async function timeOf(path: string): Promise<Millis | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : millis(found.mtimeMs);
}

/** Of the one clock that the kernel set its own from. Files in /sys tell a size that is not theirs. */
async function readClock(folder: string, clock: Clock): Promise<Millis | undefined> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((one) => /^rtc\d+$/.test(one)).slice(0, MOST_CLOCKS)) {
    if ((await readNumber(join(folder, name, "hctosys"))) !== 1) continue;
    const seconds = await readNumber(join(folder, name, "since_epoch"));
    if (seconds !== undefined) return millis(seconds * 1000 - clock.boottime());
  }
  return undefined;
}

async function readNumber(path: string): Promise<number | undefined> {
  const text = await readSmallFile(path, LONGEST_NUMBER).catch(() => undefined);
  return text !== undefined && /^-?\d+\s*$/.test(text) ? Number(text) : undefined;
}
