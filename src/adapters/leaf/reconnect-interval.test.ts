import { describe, test } from "vitest";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import { reconnectInterval } from "./reconnect-interval.ts";

/** Numbers in [0, 1) that are the same in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const HOUR = 3_600_000;

/** Seconds after the hub's return at which 100 devices are back whose tries failed for an hour. */
function fleet(longest: Millis, { jitter }: { readonly jitter: boolean }): number[] {
  return Array.from({ length: 100 }, (_, device) => {
    const random = createRandom(device * 7919 + 1);
    const interval = reconnectInterval(longest, random);
    // The first pause is the interval in every version; only newer servers add to those after it.
    let now: number = interval;
    while (now < HOUR) now += interval + (jitter ? random() * interval : 0);
    return (now - HOUR) / 1000;
  });
}

const spread = (times: readonly number[]): number => Math.max(...times) - Math.min(...times);

describe("reconnectInterval()", () => {
  test("is a whole number of seconds between a quarter of the longest and the longest", ({ expect }) => {
    expect(reconnectInterval(seconds(8), () => 0)).toBe(seconds(2));
    expect(reconnectInterval(seconds(8), () => 0.999_999)).toBe(seconds(8));
    expect(reconnectInterval(millis(1500), () => 0.5)).toBe(seconds(1));
    expect(reconnectInterval(seconds(60), () => 0.5)).toBe(seconds(38));
  });

  test.for([{ jitter: false }, { jitter: true }])(
    "with its default brings devices back within 16 s, not all together, from servers with %o",
    ({ jitter }, { expect }) => {
      const times = fleet(seconds(8), { jitter });
      expect(Math.max(...times)).toBeLessThanOrEqual(16);
      expect(spread(times)).toBeGreaterThanOrEqual(5);
    },
  );

  test.for([{ jitter: false }, { jitter: true }])(
    "with a minute spreads 100 devices over at least 30 s, from servers with %o",
    ({ jitter }, { expect }) => {
      expect(spread(fleet(seconds(60), { jitter }))).toBeGreaterThanOrEqual(30);
    },
  );
});
