import type { Clock } from "./clock.ts";
import type { Millis } from "../domain/units.ts";

/** Something to wait at. An opening that nobody waited for is kept for the next one who does. */
export interface Gate {
  readonly open: () => void;
  /** Resolves with true once opened, with false when `limit` passed first; rejects with the signal's reason. */
  wait(signal: AbortSignal, limit?: Millis): Promise<boolean>;
}

export function createGate(clock: Clock): Gate {
  let opened = false;
  let waiting: (() => void) | undefined;
  return {
    open: () => {
      opened = true;
      waiting?.();
    },
    wait: async (signal, limit) => {
      signal.throwIfAborted();
      if (!opened) {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        const abort = (): void => reject(signal.reason as Error);
        const timer = new AbortController();
        waiting = resolve;
        signal.addEventListener("abort", abort, { once: true });
        if (limit !== undefined) void clock.sleep(limit, timer.signal).then(resolve, () => {});
        try {
          await promise;
        } finally {
          waiting = undefined;
          signal.removeEventListener("abort", abort);
          timer.abort();
        }
      }
      const result = opened;
      opened = false;
      return result;
    },
  };
}
