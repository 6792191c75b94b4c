// Pins: `npm run example -- petclinic` tells its story to a good end and leaves nothing behind.

import { describe, test } from "vitest";
import { playExample } from "../../support/examples.ts";

/** An agent prepares five components, on a machine that may be busy. */
const LIMIT_MS = 200_000;

describe("npm run example -- petclinic", () => {
  test(
    "keeps a patient over a power cut, and cleans up",
    async ({ expect }) => {
      await using example = await playExample("petclinic");
      const { code } = await example.process.exited;
      const output = example.process.output();
      expect(code, output).toBe(0);
      expect(output).toContain("petclinic 1.0.0 is deployed and runs");
      expect(output).toMatch(/\n +400 .*Enter digits[^]*\n +201 .*"Noor"[^]*\n +200 .*"Noor".*"First check"/);
      expect(output).toContain("✓ Owner, pet and visit are as they were entered");
      expect(await example.leftBehind()).toEqual({ processes: [], files: [] });
    },
    LIMIT_MS,
  );
});
