import { millis, type Millis } from "../domain/units.ts";
import type { Clock } from "./clock.ts";

/** Tells whether somebody gets things done, from outside and without asking what they are. */
export interface Pace {
  /** Grows whenever something is done. */
  count(): number;
  /** Until then nothing may get done, because what is under way takes long; undefined when nothing is under way. */
  excusedUntil(): Millis | undefined;
}

export interface PaceKeeper extends Pace {
  /** Something is done. */
  mark(): void;
  /** Carries out what may take as long as the limit, counted from when the last thing was done. */
  during<T>(work: () => Promise<T>): Promise<T>;
}

/** `limit`: how long one thing may take. Of several at once, each that ends gives the others as much again. */
export function createPace(clock: Pick<Clock, "monotonic">, limit: Millis): PaceKeeper {
  let count = 0;
  let underWay = 0;
  let since = clock.monotonic();
  const mark = (): void => {
    count += 1;
    since = clock.monotonic();
  };
  return {
    count: () => count,
    excusedUntil: () => (underWay === 0 ? undefined : millis(since + limit)),
    mark,
    async during(work) {
      if (underWay === 0) since = clock.monotonic();
      underWay += 1;
      try {
        return await work();
      } finally {
        underWay -= 1;
        mark();
      }
    },
  };
}
