import { describe, test } from "vitest";
import { advance, type Settings, type State, type Step } from "./detector.ts";

const SETTINGS: Settings = { raise: 8, clear: 4, learn: 10, noise: 0.02 };

function follow(values: readonly number[], settings = SETTINGS): Step[] {
  let state: State | undefined;
  return values.map((value) => {
    const step = advance(state, value, settings);
    ({ state } = step);
    return step;
  });
}

const steady = (count: number, value = 4): number[] => Array.from({ length: count }, (_, i) => value + (i % 2) * 0.01);
const changes = (steps: readonly Step[]) =>
  steps.flatMap(({ change }, index) => (change === undefined ? [] : [[index, change]]));

describe("advance()", () => {
  test("raises an alarm when the value stays away, and clears it when it is back", ({ expect }) => {
    const steps = follow([...steady(20), ...steady(20, 2), ...steady(10)]);
    expect(changes(steps)).toEqual([
      [22, "raised"],
      [42, "cleared"],
    ]);
  });

  test("passes over spikes, and over everything while it learns", ({ expect }) => {
    expect(changes(follow([...steady(20), 9, ...steady(5), 9, 9, ...steady(10)]))).toEqual([]);
    expect(changes(follow([...steady(4), ...steady(4, 2)]))).toEqual([]);
    expect(follow([4, 4, 9]).at(-1)?.filtered).toBe(4);
  });

  test("never takes an alarm for the ordinary", ({ expect }) => {
    const steps = follow([...steady(20), ...steady(500, 2)]);
    expect(changes(steps)).toEqual([[22, "raised"]]);
    expect(steps.at(-1)?.state.mean).toBeCloseTo(4, 1);
  });

  test("learns what is usual from each sensor itself", ({ expect }) => {
    const wild = Array.from({ length: 60 }, (_, i) => 4 + 0.5 * Math.sin(i * 1.7));
    expect(changes(follow([...wild, 5, 5, 5, 5]))).toEqual([]);
    expect(changes(follow([...steady(60), 5, 5, 5, 5]))).toEqual([[62, "raised"]]);
  });
});
