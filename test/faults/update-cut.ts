// npm run test:update-cut [-- KIND…]
//
// Cuts the power of a device at every step of an update, for a version of each kind, and looks at what runs afterwards.

import { join } from "node:path";
import { tempFolder } from "../support/processes.ts";
import type { Behaviour } from "../support/version-components.ts";
import { judgeCut, prepareUpdate } from "./update-scenario.ts";

const KINDS: readonly Behaviour[] = ["good", "traps", "hangs", "stillborn"];
const asked = process.argv.slice(2);
const kinds = asked.length === 0 ? KINDS : KINDS.filter((kind) => asked.includes(kind));
let faults = 0;
await using folder = await tempFolder();
for (const kind of kinds) {
  const scenario = await prepareUpdate(join(folder.path, kind), kind);
  const { steps, end } = scenario.whole;
  process.stdout.write(`${kind}: ${steps.length} steps, version ${end?.answer} runs in the end\n`);
  for (const [step, name] of steps.entries()) {
    const outcome = await scenario.cutAt(step);
    const fault = judgeCut(kind, outcome);
    if (fault !== undefined) faults++;
    process.stdout.write(`  cut at ${step} (${name}): ${fault ?? `version ${outcome.next.end?.answer} runs`}\n`);
  }
}
process.stdout.write(faults === 0 ? "no faults\n" : `${faults} faults\n`);
process.exitCode = faults === 0 ? 0 : 1;
