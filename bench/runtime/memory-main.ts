// Started by memory.ts as a process of its own: makes what it is told to, calls it, and says what the process weighs.

import { readFileSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { setTimeout } from "node:timers/promises";
import { openRuntime, run, startSubject } from "./subject.ts";

export interface MemoryRun {
  readonly components: readonly string[];
  /** Of each component. */
  readonly instances: number;
  readonly dedicated: boolean;
  readonly cacheDir: string;
  readonly worker: string;
}

export interface Weight {
  /** Bytes of memory that belong to this process alone and lie in no file. */
  readonly anonymous: number;
  readonly resident: number;
}

const CALLS = 20;
const ask = JSON.parse(process.argv[2] ?? "null") as MemoryRun; // Written by memory.ts only.
const payload = new Uint8Array(200).fill(120);
const runtime = openRuntime(ask.cacheDir, { workerEntry: pathToFileURL(ask.worker) });
for (const file of ask.components) {
  const component = await startSubject(runtime, file, {
    instances: ask.instances,
    isolation: ask.dedicated ? "dedicated" : "shared",
  });
  // As many at a time as there are to be instances, so that each of them is made.
  for (let index = 0; index < CALLS; index++) {
    await Promise.all(Array.from({ length: ask.instances }, () => run(component, 1, payload)));
  }
}
await setTimeout(2500); // Idle, as a device is most of the time; V8 gives back what it can meanwhile.
const rollup = readFileSync("/proc/self/smaps_rollup", "utf8");
const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(rollup)?.[1]) * 1024;
writeSync(1, JSON.stringify({ anonymous: field("Anonymous"), resident: field("Rss") } satisfies Weight));
process.exit(0);
