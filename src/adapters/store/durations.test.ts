import { describe, test } from "vitest";
import { createDurations } from "./durations.ts";

describe("createDurations()", () => {
  test("knows nothing before the first", ({ expect }) => {
    expect(createDurations().summary()).toBeUndefined();
  });

  test("gives median and 99th percentile, in any order", ({ expect }) => {
    const durations = createDurations();
    for (let n = 0; n < 200; n += 1) durations.add((n * 37) % 200);
    expect(durations.summary()).toEqual({ p50: 100, p99: 198 });
  });

  test("forgets the oldest: a slow start does not show for ever", ({ expect }) => {
    const durations = createDurations();
    for (let n = 0; n < 512; n += 1) durations.add(1000);
    for (let n = 0; n < 512; n += 1) durations.add(1);
    expect(durations.summary()).toEqual({ p50: 1, p99: 1 });
  });
});
