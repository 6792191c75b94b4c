// A device in a process of its own, which boots into a file, works until what is wanted was decided about, and prints what
// it did. At one of its steps it ends itself without a word, as a power cut would.
//
//   node update-child.ts FOLDER CACHE FILE [STEP]

import { writeSync } from "node:fs";
import process from "node:process";
import { millis } from "../../src/domain/units.ts";
import { openUpdateDevice } from "../support/update-device.ts";
import { waitFor } from "../support/wait-for.ts";

const [folder = "", cache = "", file = "", last] = process.argv.slice(2);
const print = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);
let step = 0;
let counting = false;

await using device = await openUpdateDevice({
  folder,
  cache,
  onStep: (name) => {
    if (!counting) return;
    print({ step, name });
    if (last !== undefined && step === Number(last)) process.kill(process.pid, "SIGKILL");
    step++;
  },
});
counting = true;
await device.want(file, { trial: millis(300), maxFailures: 0 });
print({ answered: await device.answer().catch(() => undefined) });
const decided = await waitFor("a decision", () => {
  const status = device.status();
  return status.update?.state === "trial" || status.update?.state === "starting" ? undefined : status;
});
print({ state: decided.state, answer: await device.answer(), update: decided.update?.state });
