import { describe, test } from "vitest";
import { millis, minutes, seconds } from "../../domain/units.ts";
import { reconnectDelay } from "./reconnect-delay.ts";

/** Numbers in [0, 1) that are the same in each run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** When a device is back that tries in vain until `outage` has passed; each try fails at once. */
function returns(outage: number, random: () => number): number {
  let now = 0;
  for (let attempt = 0; ; attempt += 1) {
    now += reconnectDelay({ attempt, outage: millis(now), random });
    if (now >= outage) return (now - outage) / 1000;
  }
}

function fleet(outage: number): number[] {
  return Array.from({ length: 100 }, (_, device) => returns(outage, createRandom(device * 7919 + 1)));
}

const largestSecond = (times: readonly number[]): number =>
  Math.max(...times.map((from) => times.filter((time) => time >= from && time < from + 1).length));

describe("reconnectDelay()", () => {
  test("spreads 100 devices that lost their hub for an hour over at least 30 s", ({ expect }) => {
    const times = fleet(minutes(60));
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...times)).toBeLessThanOrEqual(60);
    expect(largestSecond(times)).toBeLessThanOrEqual(15);
  });

  test("spreads them after a restart of the hub as well", ({ expect }) => {
    const times = fleet(0);
    expect(largestSecond(times)).toBeLessThanOrEqual(50);
    expect(Math.max(...times)).toBeLessThanOrEqual(4);
  });

  test("is back within 30 s after an outage of minutes, a try of 10 s included", ({ expect }) => {
    const limitOfATry = 10;
    for (const outage of [seconds(30), minutes(2), minutes(5), minutes(9)]) {
      expect(Math.max(...fleet(outage)) + limitOfATry, `after ${outage / 1000} s`).toBeLessThanOrEqual(30);
    }
  });
});
