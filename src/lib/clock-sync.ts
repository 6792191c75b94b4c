// Whether somebody has set the device's clock. A board without a battery boots in 1970, or at the time of its last
// shutdown, and only the network tells it better.

import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** Before petiole was there, no clock is right. */
const EARLIEST = Date.UTC(2026, 0, 1);
/** systemd-timesyncd makes it when it has set the clock for the first time since the boot. */
const TIMESYNCD = "/run/systemd/timesync/synchronized";
const CLOCKS = "/sys/class/rtc";
const run = promisify(execFile);

export interface ClockSyncDeps {
  readonly wall: () => number;
  /** Whether the kernel says that the clock is kept; undefined when it cannot be asked. */
  readonly kernel?: () => Promise<boolean | undefined>;
  /** For tests: where files are looked for. */
  readonly root?: string;
}

/**
 * Asks systemd-timesyncd, the battery-backed clock and the kernel; one of them is enough. Once set, the clock stays so:
 * the kernel forgets after some hours without a network, but the clock has not become worse than any other by then.
 */
export function createClockSync({ wall, kernel = askTimedated, root = "/" }: ClockSyncDeps): () => Promise<boolean> {
  let set = false;
  return async () => {
    if (wall() < EARLIEST) return false;
    set ||= existsSync(join(root, TIMESYNCD)) || hasBattery(root) || (await kernel()) === true;
    return set;
  };
}

/** The system's clock was set at boot from a hardware clock that keeps the time: without a battery, it counts from 1970. */
function hasBattery(root: string): boolean {
  try {
    const folder = join(root, CLOCKS);
    const read = (name: string, file: string): number => Number(readFileSync(join(folder, name, file), "utf8"));
    return readdirSync(folder).some(
      (name) => read(name, "hctosys") === 1 && read(name, "since_epoch") * 1000 >= EARLIEST,
    );
  } catch {
    return false;
  }
}

/** adjtimex() itself is not for services: the system call filter of petiole's unit ends who calls it. */
async function askTimedated(): Promise<boolean | undefined> {
  try {
    const { stdout } = await run("timedatectl", ["show", "--property=NTPSynchronized", "--value"], { timeout: 3000 });
    return stdout.trim() === "yes";
  } catch {
    return undefined;
  }
}
