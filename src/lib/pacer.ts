import { seconds } from "../domain/units.ts";
import type { Clock } from "./clock.ts";

const INTERVAL = seconds(1);

/** Lets through one entry a second for each key, with the count of those that were left out since the one before. */
export type Pacer = (key: string, write: (left: number) => void) => void;

/** For what strangers can cause at will. `keys` are few. */
export function createPacer(clock: Clock): Pacer {
  const written = new Map<string, { at: number; left: number }>();
  return (key, write) => {
    const now = clock.monotonic();
    const last = written.get(key);
    if (last !== undefined && now - last.at < INTERVAL) {
      last.left += 1;
      return;
    }
    written.set(key, { at: now, left: 0 });
    write(last?.left ?? 0);
  };
}
