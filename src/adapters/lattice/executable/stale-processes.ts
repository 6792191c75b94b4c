import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { millis, seconds } from "../../../domain/units.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { isAlive, parseIdentity, signalGroup, type ProcessIdentity } from "./process-identity.ts";

/** Of the file, beside an executable, that says which process runs it. */
export const RECORD_SUFFIX = ".process";

const GRACE = seconds(2);
/** After SIGKILL. What is left then we may not signal, or it hangs in the kernel. */
const KILL_LIMIT = seconds(5);
const POLL = millis(20);

/** Ends the providers that an agent left behind in `folder` when it was killed, and empties it. */
export async function clearExecutables(folder: string, clock: Clock, log: Logger): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names = await readdir(folder);
  await Promise.all(
    names
      .filter((name) => name.endsWith(RECORD_SUFFIX))
      .map(async (name) => {
        const left = parseIdentity(await readFile(join(folder, name), "utf8"));
        if (left === undefined || !(await isAlive(left))) return;
        log.warn("Ending a provider that an earlier agent left behind", {
          provider: name.slice(0, -RECORD_SUFFIX.length),
          pid: left.pid,
        });
        if (await end(left, clock)) return;
        log.error("A provider that an earlier agent left behind cannot be ended, and goes on running", {
          pid: left.pid,
        });
      }),
  );
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
}

/** Resolves with whether it is gone. */
async function end(left: ProcessIdentity, clock: Clock): Promise<boolean> {
  const signals = [
    ["SIGTERM", GRACE],
    ["SIGKILL", KILL_LIMIT],
  ] as const;
  for (const [name, limit] of signals) {
    signalGroup(left.pid, name);
    const deadline = clock.monotonic() + limit;
    while (clock.monotonic() <= deadline) {
      if (!(await isAlive(left))) return true;
      await clock.sleep(POLL);
    }
  }
  return false;
}
