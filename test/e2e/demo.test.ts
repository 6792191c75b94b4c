// Pins: `npm run demo` succeeds only when everything arrived, says so when something went wrong, and leaves nothing
// behind, however it ends.

import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describe, test } from "vitest";
import { spawnProcess, type TestProcess } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

const DEMO = resolve(import.meta.dirname, "../../scripts/demo.ts");
const START_LIMIT_MS = 60_000;

const startDemo = async (...args: readonly string[]): Promise<TestProcess> =>
  await spawnProcess(process.execPath, [DEMO, ...args]);

/** What the demo said about its agent. */
async function agentOf(demo: TestProcess): Promise<{ readonly pid: number; readonly folder: string }> {
  const found = await waitFor(
    "the demo to start its agent",
    () => /process (\d+), configured by (\S+)/.exec(demo.output()) ?? undefined,
    START_LIMIT_MS,
  );
  return { pid: Number(found[1]), folder: dirname(found[2] ?? "") };
}

const waitForText = async (demo: TestProcess, text: string): Promise<unknown> =>
  await waitFor(`the demo to say "${text}"`, () => demo.output().includes(text), START_LIMIT_MS);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("npm run demo", () => {
  test("cuts the link, mends it, finds every message at the hub and cleans up", async ({ expect }) => {
    await using demo = await startDemo("--seconds", "4");
    const { pid, folder } = await agentOf(demo);
    const { code } = await demo.exited;
    const output = demo.output();
    expect(code, output).toBe(0);
    expect(output).toMatch(/offline +sent +\d+ +outbox +[1-9]/);
    expect(output).toMatch(/Offline the lamp answered [1-9]/);
    for (const subject of ["readings.boiler", "readings.tank", "events.button", "alarms.boiler"]) {
      expect(output).toMatch(new RegExp(String.raw`${subject} +\w+ +([1-9]\d*) +\1 +0 +0 +0 +0\n`));
    }
    expect(output).toMatch(/✓ All \d+ messages arrived exactly once and in order/);
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false]);
  });

  test("ends in order when it is interrupted", async ({ expect }) => {
    await using demo = await startDemo("--seconds", "60");
    const { pid, folder } = await agentOf(demo);
    await waitForText(demo, "online ");
    demo.signal("SIGINT");
    expect((await demo.exited).code, demo.output()).toBe(130);
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false]);
  });

  test("ends in order when nobody reads its output any more", async ({ expect }) => {
    await using demo = await startDemo("--seconds", "60");
    const { pid, folder } = await agentOf(demo);
    demo.child.stdout?.destroy();
    expect((await demo.exited).code, demo.output()).toBe(130);
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false]);
  });

  test("fails, with the end of the agent's log, when the agent dies", async ({ expect }) => {
    await using demo = await startDemo("--seconds", "60");
    const { pid, folder } = await agentOf(demo);
    await waitForText(demo, "online ");
    process.kill(pid, "SIGTERM");
    expect((await demo.exited).code, demo.output()).toBe(1);
    expect(demo.output()).toContain("The agent ended by itself, with exit code 0");
    expect(demo.output()).toContain(`The agent's log is ${join(folder, "agent.log")}`);
    expect(demo.output()).toContain('"Agent is stopping"');
    await rm(folder, { recursive: true });
  });

  test("stays with --keep until it is interrupted, and its hints work", async ({ expect }) => {
    await using demo = await startDemo("--keep", "--seconds", "3");
    const { pid, folder } = await agentOf(demo);
    await waitForText(demo, "Everything keeps running");
    await waitForText(demo, "agent log:");
    const hint = /status: +(\S+) (status --config \S+)/.exec(demo.output());
    await using status = await spawnProcess(hint?.[1] ?? "", hint?.[2]?.split(" ") ?? []);
    expect((await status.exited).code).toBe(0);
    await waitFor("the status", () => status.output().includes("hub: online"));
    demo.signal("SIGINT");
    expect((await demo.exited).code, demo.output()).toBe(0);
    expect([isAlive(pid), existsSync(folder)]).toEqual([false, false]);
  });

  test("refuses options that it does not know", async ({ expect }) => {
    await using demo = await startDemo("--fast");
    expect((await demo.exited).code).toBe(2);
    expect(demo.output()).toContain("npm run demo --");
  });
});
