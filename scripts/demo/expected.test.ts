import { describe, test } from "vitest";
import { expectedPresses, expectedReadings } from "./expected.ts";

describe("expectedReadings()", () => {
  test("gives each reading and one alarm for each crossing of the limit, sensors apart", ({ expect }) => {
    const settings = { factor: 1, limit: 70, hysteresis: 5 };
    const sent = [
      { sensor: "boiler", seq: 1, value: 60 },
      { sensor: "tank", seq: 1, value: 20 },
      { sensor: "boiler", seq: 2, value: 75 },
      { sensor: "boiler", seq: 3, value: 80 },
    ];
    expect(expectedReadings(sent, settings)).toEqual([
      { subject: "readings.boiler", seq: 1, value: 60 },
      { subject: "readings.tank", seq: 1, value: 20 },
      { subject: "readings.boiler", seq: 2, value: 75 },
      { subject: "readings.boiler", seq: 3, value: 80 },
      { subject: "alarms.boiler", seq: 2, value: 75 },
    ]);
  });
});

describe("expectedPresses()", () => {
  test("counts from 1", ({ expect }) => {
    expect(expectedPresses(2)).toEqual([
      { subject: "events.button", seq: 1 },
      { subject: "events.button", seq: 2 },
    ]);
  });
});
