import * as fc from "fast-check";
import { describe, test } from "vitest";
import { advance, type SensorState, type Settings } from "./average.ts";

const settings: Settings = { factor: 0.5, limit: 60, hysteresis: 5 };

function run(values: readonly number[], settings: Settings): { smoothed: number[]; alarmsAt: number[] } {
  let state: SensorState | undefined;
  const smoothed: number[] = [];
  const alarmsAt: number[] = [];
  for (const [index, value] of values.entries()) {
    const step = advance(state, value, settings);
    state = step.state;
    smoothed.push(state.smoothed);
    if (step.alarm) alarmsAt.push(index);
  }
  return { smoothed, alarmsAt };
}

describe("advance()", () => {
  test("starts at the first value and moves by the factor", ({ expect }) => {
    expect(run([10, 20, 20, 0], settings).smoothed).toEqual([10, 15, 17.5, 8.75]);
  });

  test("raises one alarm for one crossing", ({ expect }) => {
    expect(run([50, 80, 80, 80], settings).alarmsAt).toEqual([1]);
  });

  test("raises no alarm at the limit itself", ({ expect }) => {
    expect(run([60, 60], settings).alarmsAt).toEqual([]);
  });

  test("stays alarmed within the hysteresis and can raise again below it", ({ expect }) => {
    const unsmoothed = { ...settings, factor: 1 };
    expect(run([61, 56, 61, 55, 61], unsmoothed).alarmsAt).toEqual([0]);
    expect(run([61, 54.9, 61], unsmoothed).alarmsAt).toEqual([0, 2]);
  });

  test("watches nothing without a limit", ({ expect }) => {
    expect(run([1e9], { ...settings, limit: undefined }).alarmsAt).toEqual([]);
  });

  test("stays between the smallest and the largest value", ({ expect }) => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, factor) => {
        const slack = 1e-3;
        for (const smoothed of run(values, { ...settings, factor }).smoothed) {
          expect(smoothed).toBeGreaterThanOrEqual(Math.min(...values) - slack);
          expect(smoothed).toBeLessThanOrEqual(Math.max(...values) + slack);
        }
      }),
    );
  });
});
