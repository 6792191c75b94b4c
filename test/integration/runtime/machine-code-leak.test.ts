// Pins: loading machine code again and again takes no memory for good.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { silentLogger } from "../../../src/lib/log.ts";
import type { LoadReport } from "../../support/load-often.ts";
import { openMachineCode } from "../../../src/runtime/machine-code/addon.ts";

const run = promisify(execFile);
const LOAD_OFTEN = join(import.meta.dirname, "../../support/load-often.ts");
const LOADS = 40_000;
/** Bytes. What a load works with has about 300, and none of it may stay. */
const PER_LOAD = 180;

describe.skipIf(openMachineCode(silentLogger) === undefined)("MachineCode.load() (skipped without the add-on)", () => {
  test("keeps nothing of a load once its module is collected", async ({ expect }) => {
    const { stdout } = await run(process.execPath, ["--expose-gc", "--no-warnings", LOAD_OFTEN, String(LOADS)]);
    const { before, after } = JSON.parse(stdout) as LoadReport; // Printed by that script.
    expect(after - before).toBeLessThan(LOADS * PER_LOAD);
  });
});
