import { millis, seconds, type Millis } from "../domain/units.ts";

/** Counts events, and tells how many there were a second over the last minute. */
export interface RateMeter {
  add(count: number, now: Millis): void;
  perSecond(now: Millis): number;
}

const WINDOW = seconds(60);
const BUCKETS = 60;
const BUCKET = millis(WINDOW / BUCKETS);

/** `start`: from when it counts, in the time that `add` and `perSecond` are given, which must not go back. */
export function createRateMeter(start: Millis): RateMeter {
  const counts = Array.from({ length: BUCKETS }, () => 0);
  let newest = Math.floor(start / BUCKET);

  /** Empties what has become older than the window. */
  const turn = (now: Millis): number => {
    const bucket = Math.max(newest, Math.floor(now / BUCKET));
    for (let passed = Math.max(newest + 1, bucket - BUCKETS + 1); passed <= bucket; passed += 1) {
      counts[passed % BUCKETS] = 0;
    }
    newest = bucket;
    return bucket;
  };

  return {
    add(count, now) {
      const bucket = turn(now) % BUCKETS;
      counts[bucket] = (counts[bucket] ?? 0) + count;
    },
    perSecond(now) {
      turn(now);
      // A meter that is younger than the window has seen no more than its own time, one bucket at least.
      const seen = Math.min(WINDOW, Math.max(BUCKET, now - start));
      return counts.reduce((sum, count) => sum + count, 0) / (seen / 1000);
    },
  };
}
