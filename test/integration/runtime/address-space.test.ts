// Pins: under a limit of the address space, with the agent's flags, the runtime refuses what does not fit, and lives.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "vitest";
import { bundleRuntime, type Bundles } from "../../../bench/runtime/bundle.ts";
import { fixture } from "./support.ts";
import { tempFolder } from "../../support/processes.ts";

const folder = await tempFolder();
afterAll(() => folder[Symbol.asyncDispose]());

const MAIN = fileURLToPath(new URL("./address-space-main.ts", import.meta.url));
const LAUNCHER = fileURLToPath(new URL("../../../scripts/petiole", import.meta.url));
const GIGABYTE = 1024 ** 3;

// From the sources, Node's own type stripping would take most of the address space.
let bundles: Bundles;
beforeAll(async () => {
  bundles = await bundleRuntime(folder.path, MAIN);
});

interface Outcome {
  readonly started: number;
  readonly refused: number;
  readonly instances: number;
  readonly reserved: number;
  readonly suspended: number;
  readonly calls: number;
  readonly answered: number;
}

/** V8's flags of the agent. */
async function agentFlags(): Promise<readonly string[]> {
  return (await readFile(LAUNCHER, "utf8")).match(/--[\w-]+(=\w+)?/g) ?? [];
}

async function runWithin(
  space: number,
  rounds: number,
  flags: readonly string[] = [],
  isolation = "shared",
): Promise<Outcome> {
  const command = `ulimit -v ${space / 1024} && exec "$0" "$@"`;
  const args = [bundles.main, join(folder.path, "cache"), bundles.worker, fixture("bare"), String(rounds), isolation];
  const node = [...(await agentFlags()), ...flags, ...args];
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", command, process.execPath, ...node]);
  return JSON.parse(stdout) as Outcome; // Written by address-space-main.ts.
}

describe("a process with little address space", () => {
  test("holds as many instances as fit, refuses further ones, and answers every call", async ({ expect }) => {
    const outcome = await runWithin(3 * GIGABYTE, 2);
    expect(outcome.started + outcome.refused).toBe(8);
    expect(outcome.started).toBeGreaterThan(0);
    expect(outcome.instances).toBeGreaterThanOrEqual(outcome.started);
    expect(outcome.instances).toBeLessThan(8 * 20);
    expect(outcome.reserved).toBeLessThan(3 * GIGABYTE);
    expect(outcome.answered).toBe(outcome.calls);
  });

  test("refuses a component whose own worker does not fit", async ({ expect }) => {
    const outcome = await runWithin(5 * GIGABYTE, 1, [], "dedicated");
    expect(outcome.started + outcome.refused).toBe(8);
    expect(outcome.started).toBeGreaterThan(1);
    expect(outcome.refused).toBeGreaterThan(0);
    expect(outcome.answered).toBe(outcome.calls);
  });

  test("survives many suspended calls again and again, whose stacks V8 does not give back", async ({ expect }) => {
    // Each round takes more stacks of this size than V8 keeps; all of them together would take more than there is.
    const outcome = await runWithin(3 * GIGABYTE, 12, ["--wasm-stack-switching-stack-size=984"]);
    expect(outcome.suspended).toBeGreaterThan(4);
    expect(outcome.calls).toBe(outcome.started * 20 * 12);
    expect(outcome.answered).toBe(outcome.calls);
  });
});
