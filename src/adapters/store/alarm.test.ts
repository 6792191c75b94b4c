import { describe, test } from "vitest";
import { millis, type Millis } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { createAlarm } from "./alarm.ts";

describe("createAlarm()", () => {
  test("rings for a time that passed while it was set, without asking for less than no time", async ({ expect }) => {
    const slept: Millis[] = [];
    const clock = {
      ...systemClock,
      monotonic: () => millis(101),
      sleep: async (duration: Millis) => void slept.push(duration),
    };
    const rung = Promise.withResolvers<void>();
    createAlarm(clock, rung.resolve).set(millis(100));
    await rung.promise;
    expect(slept).toEqual([0]);
  });
});
