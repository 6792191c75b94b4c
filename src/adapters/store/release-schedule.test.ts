import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import { createReleaseSchedule } from "./release-schedule.ts";

const HOLD = millis(160_000);

describe("createReleaseSchedule()", () => {
  test("releases what was acknowledged once it was held for the whole time, in its lane only", ({ expect }) => {
    const schedule = createReleaseSchedule(HOLD);
    schedule.acknowledge("standard", 10, millis(0));
    expect(schedule.released(millis(159_999))["standard"]).toBe(0);
    expect(schedule.released(millis(160_000))).toMatchObject({ standard: 10, critical: 0 });
  });

  test("holds nothing for less than the time, and nothing for much longer, under a steady stream", ({ expect }) => {
    const schedule = createReleaseSchedule(HOLD);
    for (let now = 0; now <= 1_000_000; now += 100) {
      schedule.acknowledge("standard", now + 1, millis(now));
      const released = schedule.released(millis(now))["standard"] ?? 0;
      expect(released).toBeLessThanOrEqual(Math.max(0, now - HOLD + 1));
      expect(released).toBeGreaterThanOrEqual(now - HOLD * 1.2);
    }
  });

  test("a hub that lost messages has them held anew", ({ expect }) => {
    const schedule = createReleaseSchedule(HOLD);
    schedule.acknowledge("standard", 10, millis(0));
    schedule.acknowledge("standard", 20, millis(100_000));
    schedule.rewind("standard", 5);
    expect(schedule.released(millis(300_000))["standard"]).toBe(0);
    schedule.acknowledge("standard", 20, millis(300_000));
    expect(schedule.released(millis(459_999))["standard"]).toBe(0);
    expect(schedule.released(millis(460_000))["standard"]).toBe(20);
  });

  test("takes back what it had released above the place", ({ expect }) => {
    const schedule = createReleaseSchedule(HOLD);
    schedule.acknowledge("standard", 10, millis(0));
    expect(schedule.released(HOLD)["standard"]).toBe(10);
    schedule.rewind("standard", 5);
    expect(schedule.released(millis(HOLD * 2))["standard"]).toBe(5);
  });
});
