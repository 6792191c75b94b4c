import { readPending, writePending } from "./pending.ts";

/** The components that a version on trial has to have running: those that ran before the update. */
export interface Ran {
  /** Looks at what is wanted now: what somebody takes away during the trial is not missed. */
  look(wanted: readonly string[]): Promise<readonly string[]>;
}

/**
 * One that was never wanted here is missed: it is the new version that may not understand who wants it. What was taken
 * away is written down, as a trial may have several starts.
 */
export async function createRan(folder: string): Promise<Ran> {
  let pending = await readPending(folder);
  const seen = new Set<string>();
  return {
    async look(wanted) {
      for (const id of wanted) seen.add(id);
      if (pending === undefined) return [];
      const ran = pending.ran.filter((id) => wanted.includes(id) || !seen.has(id));
      if (ran.length < pending.ran.length) {
        pending = { ...pending, ran };
        // Not worth the trial: on a disk that is full, the next start misses it.
        await writePending(folder, pending).catch(() => {});
      }
      return ran;
    },
  };
}
