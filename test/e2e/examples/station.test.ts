// Pins: `npm run example -- station` acts offline, loses nothing and doubles nothing, and leaves nothing behind.

import { describe, test } from "vitest";
import { playExample } from "../../support/examples.ts";

const LIMIT_MS = 220_000;

describe("npm run example -- station", () => {
  test(
    "stops the pump offline, and tells the cloud everything once and in order",
    async ({ expect }) => {
      await using example = await playExample("station");
      const { code } = await example.process.exited;
      const output = example.process.output();
      expect(code, output).toBe(0);
      expect(output).toMatch(/the pump is off [\d.]+ ms after the third low reading/);
      expect(output).toMatch(/silence after [\d.]+ ms/);
      expect(output).toMatch(/offline +sensors sent: .* outbox +[1-9]\d*/);
      const subjects = [
        "readings.pressure",
        "readings.flow",
        "readings.hall",
        "alarms.pressure",
        "events.acknowledged",
      ];
      for (const subject of [...subjects, "vibration.pump", "alarms.vibration-pump", "summaries.day"]) {
        expect(output).toMatch(new RegExp(String.raw`${subject} +\w+ +([1-9]\d*) +\1 +0 +0 +0 +0\n`));
      }
      for (const lane of ["critical", "standard"]) {
        expect(output).toMatch(new RegExp(`Lane ${lane}: [1-9]\\d* messages, 0 out of order`));
      }
      expect(output).toMatch(/[1-9]\d* windows of 2048 samples, each analysed in [\d.]+ ms/);
      expect(output).toMatch(/✓ All \d+ messages arrived exactly once, and in the order of their lanes/);
      expect(await example.leftBehind()).toEqual({ processes: [], files: [] });
    },
    LIMIT_MS,
  );
});
