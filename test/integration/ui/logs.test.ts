// Contract: `petiole logs --follow` shows each line once, and says when lines came faster than it could ask for them.

import { test } from "vitest";
import { PETIOLE } from "../../support/agent.ts";
import { openModelAgent } from "../../support/model-agent.ts";
import { spawnProcess } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";

test("petiole logs --follow says what it has missed", async ({ expect }) => {
  await using agent = await openModelAgent();
  // What was before the last lines is not missed.
  agent.set({ seq: 41 });
  await using following = await spawnProcess(PETIOLE, ["logs", "--follow", "--json", "--socket", agent.socket]);
  const shown = (seq: number): boolean => following.output().includes(`"seq":${seq},`);
  await waitFor("the last line", () => shown(41), 60_000);
  agent.set({ seq: 42 });
  await waitFor("the next line", () => shown(42), 60_000);
  expect(following.output()).not.toContain("faster");
  agent.set({ seq: 50 });
  await waitFor("a line much later", () => shown(50), 60_000);
  const told = (): boolean => following.output().includes("7 lines came faster than the agent keeps them");
  await waitFor("what was missed", told, 60_000);
  expect(
    following
      .output()
      .split("\n")
      .filter((line) => line.startsWith("{")),
  ).toHaveLength(3);
});
