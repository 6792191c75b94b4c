import { describe, test } from "vitest";
import { expectedReadings } from "./expected.ts";
import { boilerTemperature, SETTINGS, tankLevel } from "./profile.ts";

describe("boilerTemperature()", () => {
  test.for([60, 300, 6000])("raises exactly one alarm, in the middle third, in %i readings", (count, { expect }) => {
    const sent = Array.from({ length: count }, (_, seq) => ({
      sensor: "boiler",
      seq,
      value: boilerTemperature(seq / count),
    }));
    const alarms = expectedReadings(sent, SETTINGS).filter(({ subject }) => subject === "alarms.boiler");
    expect(alarms).toHaveLength(1);
    const at = (alarms[0]?.seq ?? 0) / count;
    expect(at).toBeGreaterThan(1 / 3);
    expect(at).toBeLessThan(2 / 3);
  });
});

describe("tankLevel()", () => {
  test("stays below the limit", ({ expect }) => {
    for (let progress = 0; progress <= 1; progress += 0.01) expect(tankLevel(progress)).toBeLessThan(SETTINGS.limit);
  });
});
