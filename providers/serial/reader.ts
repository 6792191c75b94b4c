import type { Clock, Millis } from "#provider";
import { isTimeLimit, withLimit } from "./line/time-limit.ts";

/** Bytes as they came, and how many are missing before them. */
export interface RawChunk {
  readonly bytes: Uint8Array;
  readonly lost: number;
}

/** Bytes of one port that wait for one component. */
export interface Reader {
  push(chunk: Uint8Array): void;
  presence(present: boolean): void;
  /**
   * Takes up to `max` bytes, or waits for some until `timeout`: empty when none came. `busy` when another reading waits.
   */
  read(max: number, timeout: Millis): Promise<RawChunk | "disconnected" | "busy">;
}

export interface ReaderDeps {
  /** Bytes that may wait; beyond it the oldest are dropped and counted. */
  readonly limit: number;
  readonly clock: Clock;
}

export function createReader({ limit, clock }: ReaderDeps): Reader {
  const ring = Buffer.alloc(limit);
  let start = 0;
  let length = 0;
  let lost = 0;
  let isPresent = false;
  let wake: (() => void) | undefined;

  const take = (max: number): RawChunk => {
    const size = Math.min(max, length);
    const first = ring.subarray(start, Math.min(start + size, limit));
    const bytes = new Uint8Array(Buffer.concat([first, ring.subarray(0, size - first.length)]));
    const chunk = { bytes, lost };
    start = (start + size) % limit;
    length -= size;
    lost = 0;
    return chunk;
  };

  return {
    push(chunk) {
      const kept = chunk.subarray(Math.max(0, chunk.length - limit));
      const overflow = Math.max(0, length + kept.length - limit);
      lost += chunk.length - kept.length + overflow;
      start = (start + overflow) % limit;
      const end = (start + length - overflow) % limit;
      const first = kept.subarray(0, limit - end);
      ring.set(first, end);
      ring.set(kept.subarray(first.length), 0);
      length += kept.length - overflow;
      wake?.();
    },
    presence(present) {
      isPresent = present;
      if (!present) wake?.();
    },
    async read(max, timeout) {
      if (wake !== undefined) return "busy";
      if (length > 0) return take(max);
      if (!isPresent) return "disconnected";
      try {
        await withLimit(clock, timeout, async (signal) => {
          const woken = Promise.withResolvers<void>();
          wake = woken.resolve;
          signal.addEventListener("abort", () => woken.reject(signal.reason), { once: true });
          await woken.promise;
        });
      } catch (error) {
        if (!isTimeLimit(error)) throw error;
      } finally {
        wake = undefined;
      }
      return length === 0 && !isPresent ? "disconnected" : take(max);
    },
  };
}
