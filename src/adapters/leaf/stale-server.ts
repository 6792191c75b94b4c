import { readFile, rm } from "node:fs/promises";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { isErrno } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";

const GRACE: Millis = seconds(3);
const POLL: Millis = millis(50);

export interface StaleServerOptions {
  readonly pidFile: string;
  /** The server's argument that no other process has: the path of its configuration. */
  readonly configFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Ends a server that an agent left behind when it was killed. Only a process that runs with our configuration file is
 * touched: after a reboot the number in the file may belong to anything.
 */
export async function endStaleServer(options: StaleServerOptions): Promise<void> {
  const pid = await readPid(options.pidFile);
  if (pid === undefined) return;
  if (await isOurs(pid, options.configFile)) {
    options.log.warn("Ending a nats-server that an earlier agent left behind", { pid });
    await end(pid, options);
  }
  await rm(options.pidFile, { force: true });
}

async function end(pid: number, { configFile, clock }: StaleServerOptions): Promise<void> {
  const deadline = clock.monotonic() + GRACE;
  let killed = false;
  signal(pid, "SIGTERM");
  while (await isOurs(pid, configFile)) {
    if (!killed && clock.monotonic() > deadline) {
      signal(pid, "SIGKILL");
      killed = true;
    }
    await clock.sleep(POLL);
  }
}

async function readPid(file: string): Promise<number | undefined> {
  try {
    const pid = Number((await readFile(file, "utf8")).trim());
    return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** True while `pid` is a live process with `configFile` among its arguments. A zombie has none. */
async function isOurs(pid: number, configFile: string): Promise<boolean> {
  try {
    const args = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    return args.includes(configFile);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return false;
    throw error;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isErrno(error, "ESRCH")) throw error;
  }
}
