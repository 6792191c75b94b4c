import { backoffDelay, millis, type Clock } from "#provider";
import { BackendError } from "./backend.ts";

const TRIES = 32;
const PAUSE = { initial: millis(2), max: millis(100) };

/** Tries until there is a result: others change the same key at the same time. @throws BackendError `busy` */
export async function persist<T>(clock: Clock, attempt: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (tries > 0) await clock.sleep(backoffDelay(tries, PAUSE));
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new BackendError("busy", "others change the same key all the time");
}
