import { millis, type Millis } from "../../src/domain/units.ts";
import type { Clock } from "../../src/lib/clock.ts";

export interface FakeClock extends Clock {
  /** Lets time pass, ending every sleep on the way in the order of their ends, and what follows from each. */
  advance(duration: Millis): Promise<void>;
  /** Sets the wall clock, and nothing else. */
  set(wall: number): void;
  /** Sleeps that have not ended. */
  readonly sleeping: number;
}

interface Sleep {
  readonly end: number;
  readonly wake: () => void;
}

/** Time that stands still until it is told to pass. The wall clock starts at `wall`, the others at 1 s. */
export function createFakeClock(wall = 1_700_000_000_000): FakeClock {
  let now = 1000;
  /** What the wall clock showed at 1 s. */
  let start = wall;
  const sleeps = new Set<Sleep>();

  /** Until promises that were ready, and those that followed from them, have run. */
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  return {
    wall: () => millis(start + now - 1000),
    monotonic: () => millis(now),
    boottime: () => millis(now),
    nanoseconds: () => BigInt(Math.round(now * 1e6)),
    sleep: async (duration, signal) => {
      signal?.throwIfAborted();
      const done = Promise.withResolvers<void>();
      const sleep: Sleep = { end: now + duration, wake: done.resolve };
      sleeps.add(sleep);
      const abort = (): void => done.reject(signal?.reason);
      signal?.addEventListener("abort", abort, { once: true });
      try {
        await done.promise;
      } finally {
        sleeps.delete(sleep);
        signal?.removeEventListener("abort", abort);
      }
    },
    set: (to) => {
      start = to - now + 1000;
    },
    get sleeping() {
      return sleeps.size;
    },
    async advance(duration) {
      const until = now + duration;
      await settle();
      for (;;) {
        const [next] = [...sleeps].filter(({ end }) => end <= until).sort((a, b) => a.end - b.end);
        if (next === undefined) break;
        now = Math.max(now, next.end);
        sleeps.delete(next);
        next.wake();
        await settle();
      }
      now = until;
      await settle();
    },
  };
}
