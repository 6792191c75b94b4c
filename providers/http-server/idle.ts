import type { Clock, Millis } from "#provider";

/** Waits for the end of what is being done. */
export interface Idle {
  check(left: number): void;
  /** Resolves when nothing is left, and after `limit` in any case. */
  reached(left: number, limit: Millis): Promise<void>;
}

export function createIdle(clock: Clock): Idle {
  const idle = Promise.withResolvers<void>();
  let asked = false;
  return {
    check: (left) => {
      if (asked && left === 0) idle.resolve();
    },
    async reached(left, limit) {
      asked = true;
      if (left === 0) return;
      const enough = new AbortController();
      await Promise.race([idle.promise, clock.sleep(limit, enough.signal).catch(() => {})]);
      enough.abort();
    },
  };
}
