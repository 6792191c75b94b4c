import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { millis, seconds } from "../../../domain/units.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Logger } from "../../../lib/log.ts";
import { isAlive, parseIdentity, signalGroup, type ProcessIdentity } from "./process-identity.ts";

/** Of the file, beside an executable, that says which process runs it. */
export const RECORD_SUFFIX = ".process";

const GRACE = seconds(2);
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
        await end(left, clock);
      }),
  );
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
}

async function end(left: ProcessIdentity, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + GRACE;
  let killed = false;
  signalGroup(left.pid, "SIGTERM");
  while (await isAlive(left)) {
    if (!killed && clock.monotonic() > deadline) {
      signalGroup(left.pid, "SIGKILL");
      killed = true;
    }
    await clock.sleep(POLL);
  }
}
