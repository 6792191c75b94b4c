// Started by cold-start.ts as a process of its own: runs a component and says when it answered.

import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { openRuntime, run, startSubject } from "./subject.ts";

export interface ColdRun {
  readonly component: string;
  readonly cacheDir: string;
  readonly glue: "own" | "jco";
  readonly worker: string;
  readonly transpiler: string;
  /** Calls after the first; each is timed. */
  readonly calls: number;
  /** Goes on until the cache holds what the calls made hot. */
  readonly warmUp: boolean;
}

export interface ColdReport {
  /** Microseconds of each call after the first. */
  readonly times: readonly number[];
}

const ask = JSON.parse(process.argv[2] ?? "null") as ColdRun; // Written by cold-start.ts only.
const payload = new Uint8Array(200).fill(120);
const runtime = openRuntime(ask.cacheDir, {
  workerEntry: pathToFileURL(ask.worker),
  transpiler: [process.execPath, "--liftoff-only", "--no-warnings", ask.transpiler],
});
const component = await startSubject(runtime, ask.component);
await run(component, 1, payload);
writeSync(1, "answered\n");

const times: number[] = [];
for (let index = 0; index < ask.calls; index++) {
  const started = performance.now();
  await run(component, 1, payload);
  times.push((performance.now() - started) * 1000);
}
writeSync(1, `${JSON.stringify({ times } satisfies ColdReport)}\n`);
process.exit(0);
