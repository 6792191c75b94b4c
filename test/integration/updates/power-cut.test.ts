// Contract: a device whose process is killed while an update is written down boots into the version before or the new one.
// Every step, and more kinds of versions: npm run test:update-cut.

import { join } from "node:path";
import { describe, test } from "vitest";
import { judgeCut, prepareUpdate } from "../../faults/update-scenario.ts";
import { tempFolder } from "../../support/processes.ts";

describe("a device that is killed", () => {
  test("after each entry of the journal runs the new version in the end", async ({ expect }) => {
    await using folder = await tempFolder();
    const scenario = await prepareUpdate(join(folder.path, "good"), "good");
    expect(scenario.whole.end).toMatchObject({ state: "running", answer: 2 });
    const steps = [...scenario.whole.steps.entries()].filter(([, name]) => name === "after save component-versions");
    expect(steps).toHaveLength(2);
    for (const [step, name] of steps) {
      const outcome = await scenario.cutAt(step);
      expect([name, judgeCut("good", outcome)]).toEqual([name, undefined]);
    }
  });
});
