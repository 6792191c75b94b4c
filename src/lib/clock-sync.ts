// Whether somebody has set the device's clock. A board without a battery boots in 1970, or at the time of its last
// shutdown, and only the network tells it better.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Before petiole was there, no clock is right. */
const EARLIEST = Date.UTC(2026, 0, 1);
/** systemd-timesyncd makes it when it has set the clock for the first time since the boot. */
const TIMESYNCD = "/run/systemd/timesync/synchronized";
const CLOCKS = "/sys/class/rtc";
/** What adjtimex() returns while nobody keeps the clock. */
const TIME_ERROR = 5;

export interface ClockSyncDeps {
  readonly wall: () => number;
  /** Whether the kernel says that the clock is kept; undefined when it cannot be asked. */
  readonly kernel?: () => Promise<boolean | undefined>;
  /** For tests: where files are looked for. */
  readonly root?: string;
}

/**
 * Asks the kernel, systemd-timesyncd and the battery-backed clock; one of them is enough. Once set, the clock stays so:
 * the kernel forgets after some hours without a network, but the clock has not become worse than any other by then.
 */
export function createClockSync({ wall, kernel = askKernel, root = "/" }: ClockSyncDeps): () => Promise<boolean> {
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

/** node:ffi is an experiment of Node's: without it the kernel is not asked. */
async function askKernel(): Promise<boolean | undefined> {
  try {
    const { dlopen } = await import("node:ffi");
    using library = dlopen("libc.so.6", { adjtimex: { arguments: ["pointer"], return: "i32" } });
    // Larger than struct timex of any machine; modes = 0 asks only.
    const state: unknown = library.functions.adjtimex(Buffer.alloc(512));
    return typeof state === "number" && state >= 0 ? state !== TIME_ERROR : undefined;
  } catch {
    return undefined;
  }
}
