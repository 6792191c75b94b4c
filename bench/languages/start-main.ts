// Started by start.ts as a process of its own: runs a component of an example and says when it answered.

import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { mebibytes, seconds } from "../../src/domain/units.ts";
import { openRuntime, startSubject } from "../runtime/subject.ts";
import { subjectOf } from "./subjects.ts";

export interface StartRun {
  readonly subject: string;
  /** Its component: a bundle does not find it by itself. */
  readonly file: string;
  readonly cacheDir: string;
  readonly worker: string;
  readonly transpiler: string;
  readonly addon: string;
}

const ask = JSON.parse(process.argv[2] ?? "null") as StartRun; // Written by start.ts only.
const subject = subjectOf(ask.subject);
const runtime = openRuntime(ask.cacheDir, {
  nativeAddon: ask.addon,
  workerEntry: pathToFileURL(ask.worker),
  transpiler: [process.execPath, "--liftoff-only", "--no-warnings", ask.transpiler],
});
const component = await startSubject(runtime, ask.file, {
  limits: {
    deadline: seconds(60),
    memory: mebibytes(64),
    table: 100_000,
    queue: 64,
    instances: 1,
    cpu: 1,
    logRate: 50,
  },
  // A bucket crosses as its identifier, and has nothing.
  onImport: async (_interface, functionName, [first]) => (functionName === "open" ? first : undefined),
});
await subject.ask(component);
writeSync(1, "answered\n");
process.exit(0);
