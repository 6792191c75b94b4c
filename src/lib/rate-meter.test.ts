import * as fc from "fast-check";
import { test } from "vitest";
import { millis } from "../domain/units.ts";
import { createRateMeter } from "./rate-meter.ts";

test("perSecond() is the mean over the last minute", ({ expect }) => {
  const meter = createRateMeter(millis(0));
  for (let second = 0; second < 120; second += 1) meter.add(second < 60 ? 10 : 2, millis(second * 1000 + 500));
  expect(meter.perSecond(millis(119_900))).toBe(2);
});

test("perSecond() of a young meter is over its own age, not over a minute", ({ expect }) => {
  const meter = createRateMeter(millis(5000));
  meter.add(30, millis(6000));
  expect(meter.perSecond(millis(8000))).toBe(10);
});

test("perSecond() is 0 once a minute went by with nothing, however long ago", ({ expect }) => {
  const meter = createRateMeter(millis(0));
  meter.add(600, millis(10));
  expect(meter.perSecond(millis(59_000))).toBeCloseTo(600 / 59);
  expect(meter.perSecond(millis(61_000))).toBe(0);
  expect(meter.perSecond(millis(1e12))).toBe(0);
});

test("perSecond() counts what a list of all events says, to a bucket", ({ expect }) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(20_000), fc.nat(5)), { maxLength: 50 }), (steps) => {
      const meter = createRateMeter(millis(0));
      const events: [number, number][] = [];
      let now = 0;
      for (const [pause, count] of steps) {
        now += pause;
        meter.add(count, millis(now));
        events.push([now, count]);
      }
      const sum = (from: number): number =>
        events.filter(([at]) => at >= from).reduce((total, [, count]) => total + count, 0);
      const counted = Math.round(meter.perSecond(millis(now)) * (Math.min(60_000, Math.max(1000, now)) / 1000));
      expect(counted).toBeLessThanOrEqual(sum(now - 60_000));
      expect(counted).toBeGreaterThanOrEqual(sum(now - 59_000));
    }),
  );
});
