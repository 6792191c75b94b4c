// Contract: a device whose process is killed while an update is written down boots into the version before or the new one.
// Every step, and more kinds of versions: npm run test:update-cut.

import { join } from "node:path";
import { describe, test } from "vitest";
import { judgeCut, prepareUpdate } from "../../faults/update-scenario.ts";
import { tempFolder } from "../../support/processes.ts";

describe("a device that is killed", () => {
  test.for(["good", "traps"] as const)(
    "around each entry of the journal, with a version that is %s",
    async (kind, { expect }) => {
      await using folder = await tempFolder();
      const scenario = await prepareUpdate(join(folder.path, kind), kind);
      expect(scenario.whole.end).toMatchObject({ state: "running", answer: kind === "good" ? 2 : 1 });
      const steps = [...scenario.whole.steps.entries()].filter(([, name]) => name === "after save component-versions");
      expect(steps.length).toBeGreaterThanOrEqual(2);
      for (const [step, name] of steps) {
        const outcome = await scenario.cutAt(step);
        expect([name, judgeCut(kind, outcome)]).toEqual([name, undefined]);
      }
    },
  );
});
