import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { seconds, type Millis } from "../domain/units.ts";
import type { Clock } from "./clock.ts";

export interface WatchFilesOptions {
  readonly files: readonly string[];
  /** Called with the files whose content is another than before; the next look waits until it has resolved. */
  readonly onChange: (changed: readonly string[]) => Promise<void> | void;
  readonly clock: Clock;
  readonly interval?: Millis;
}

/**
 * Tells when the content of small files has changed and stayed the same for one interval, so that a file is not taken
 * up while it is being written. Looks at the content because a renewal may come as a rename, as another target of a
 * link, or as a mount, and notifications miss some of these.
 */
export function watchFiles({ files, onChange, clock, interval = seconds(2) }: WatchFilesOptions): AsyncDisposable {
  const stop = new AbortController();

  async function watch(): Promise<void> {
    let known = await digests(files);
    let last = known;
    while (!stop.signal.aborted) {
      await clock.sleep(interval, stop.signal).catch(() => {});
      if (stop.signal.aborted) return;
      const now = await digests(files);
      const settled = files.filter((_, i) => now[i] !== known[i] && now[i] === last[i] && now[i] !== undefined);
      const moving = files.some((_, i) => now[i] !== last[i]);
      last = now;
      if (settled.length === 0 || moving) continue;
      // A file that is gone keeps what was known of it: the old content coming back is no change.
      known = now.map((digest, i) => digest ?? known[i]);
      await onChange(settled);
    }
  }

  const watching = files.length === 0 ? Promise.resolve() : watch();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}

/** Undefined for a file that cannot be read. */
async function digests(files: readonly string[]): Promise<(string | undefined)[]> {
  return await Promise.all(
    files.map(async (file) => {
      const content = await readFile(file).catch(() => undefined);
      return content === undefined ? undefined : createHash("sha256").update(content).digest("hex");
    }),
  );
}
