import { join } from "node:path";
import { millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { createExclusive } from "../../lib/exclusive.ts";

import { onDisk } from "./cache-folder.ts";

/** Held by one process at a time, there as often as it likes. The system lets go of it however the process ends. */
export interface FolderLock {
  /** Waits for other processes. Disposing the result lets go. @throws the signal's reason */
  hold(signal: AbortSignal): Promise<Disposable>;
}

const POLL = millis(100);
const SQLITE_BUSY = 5;

/** A lock of SQLite's, on a database without content, because node has none of its own. */
export function createFolderLock(folder: string, name: string, clock: Clock): FolderLock {
  const file = join(folder, name);
  const exclusive = createExclusive();
  let holders = 0;
  let lock: Disposable | undefined;

  async function take(signal: AbortSignal): Promise<Disposable> {
    const { DatabaseSync } = await import("node:sqlite");
    for (;;) {
      signal.throwIfAborted();
      // Waited for here, so that the thread is not.
      const database = await onDisk(folder, async () => new DatabaseSync(file, { timeout: 0 }));
      try {
        database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
        return { [Symbol.dispose]: () => database.close() };
      } catch (error) {
        database.close();
        if (!isBusy(error)) await onDisk(folder, () => Promise.reject(error));
      }
      await clock.sleep(POLL, signal);
    }
  }

  return {
    async hold(signal) {
      await exclusive.run(async () => {
        lock ??= await take(signal);
        holders++;
      });
      return {
        [Symbol.dispose]: () => {
          if (--holders > 0) return;
          lock?.[Symbol.dispose]();
          lock = undefined;
        },
      };
    },
  };
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY;
