// Started by cold-start.ts as a process of its own: runs a component and says when it answered.

import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { millis } from "../../src/domain/units.ts";
import { REWRITTEN } from "../../src/runtime/prepare/prepare.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { openRuntime, run, startSubject } from "./subject.ts";

export interface ColdRun {
  readonly component: string;
  readonly cacheDir: string;
  readonly glue: "own" | "jco";
  readonly worker: string;
  readonly addon: string;
  readonly transpiler: string;
  /** Calls after the first; each is timed. */
  readonly calls: number;
  /** Goes on until the cache holds what calls made hot. */
  readonly warmUp: boolean;
}

export interface ColdReport {
  /** Microseconds of each call after the first. */
  readonly times: readonly number[];
  /** Microseconds that the guest computed in all of them, without the ways between the threads. */
  readonly computed: number;
}

const WARM_UP_CALLS = 3000;

const ask = JSON.parse(process.argv[2] ?? "null") as ColdRun; // Written by cold-start.ts only.
const payload = new Uint8Array(200).fill(120);
const rewritten = Promise.withResolvers<void>();
const atOnce = { calls: WARM_UP_CALLS, idle: millis(0), patience: millis(0), pause: millis(0) };
const runtime = openRuntime(ask.cacheDir, {
  glue: ask.glue,
  nativeAddon: ask.addon,
  ...(ask.warmUp && { rewrites: atOnce, log: { ...silentLogger, info: onLogged } }),
  workerEntry: pathToFileURL(ask.worker),
  transpiler: [process.execPath, "--liftoff-only", "--no-warnings", ask.transpiler],
});
const component = await startSubject(runtime, ask.component);
await run(component, 1, payload);
writeSync(1, "answered\n");

if (ask.warmUp) {
  for (let index = 0; index < WARM_UP_CALLS; index++) await run(component, 1, payload);
  await rewritten.promise;
}
const times: number[] = [];
const before = component.stats().cpuTime;
for (let index = 0; index < ask.calls; index++) {
  const started = performance.now();
  await run(component, 1, payload);
  times.push((performance.now() - started) * 1000);
}
writeSync(
  1,
  `${JSON.stringify({ times, computed: (component.stats().cpuTime - before) * 1000 } satisfies ColdReport)}\n`,
);
process.exit(0);

function onLogged(message: string): void {
  if (message === REWRITTEN) rewritten.resolve();
}
