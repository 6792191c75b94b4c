// Loads machine code as often as is asked for, and prints the memory of the process before and after.
//
//   node --expose-gc test/support/load-often.ts <times>

import { silentLogger } from "../../src/lib/log.ts";
import { openMachineCode } from "../../src/runtime/machine-code/addon.ts";
import { LOOP_MODULE, optimisedCode } from "./machine-code.ts";

/** Resident memory in bytes. */
export interface LoadReport {
  readonly before: number;
  readonly after: number;
}

const machineCode = openMachineCode(silentLogger);
if (machineCode === undefined) throw new Error("the add-on was not built");
const code = await optimisedCode(machineCode);
const times = Number(process.argv[2]);

/** Modules that differ in a constant, so that V8 does not give out the same again. None of them is run. */
async function loadAll(count: number): Promise<number> {
  for (let index = 0; index < count; index++) {
    const wireBytes = Uint8Array.from(LOOP_MODULE);
    wireBytes[wireBytes.length - 10] = index % 64;
    // Refused half of the time: that way of loading must not leak either.
    const usable = index % 2 === 0 ? code : code.subarray(0, 17);
    await machineCode?.load(wireBytes, usable).module;
    if (index % 1000 === 0) globalThis.gc?.();
  }
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

const before = await loadAll(times / 10);
const after = await loadAll(times);
process.stdout.write(JSON.stringify({ before, after } satisfies LoadReport));
