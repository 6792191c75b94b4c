// A process that starts a component as an agent does, calls it, and prints what happened as JSON.
//
//   node [flags] test/support/run-component.ts <cache folder> <component> [<calls to warm up with> [<trusted key>]]

import { millis, seconds } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { Logger } from "../../src/lib/log.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { readTrustedKey } from "../../src/runtime/aot/keys.ts";
import { ORDINARY_INSTANCE } from "./workloads.ts";

export interface Report {
  /** What the component answered. */
  readonly answer: unknown;
  /** Messages of the log. */
  readonly log: readonly string[];
}

const [cacheDir = "", file = "", calls = "0", trustedKey] = process.argv.slice(2);
const messages: string[] = [];
let written: (() => void) | undefined;
const rewritten = new Promise<void>((resolve) => {
  written = resolve;
});
const note = (message: string): void => {
  messages.push(message);
  if (message === "Cached component rewritten with optimised code") written?.();
};
const log: Logger = { trace: note, debug: note, info: note, warn: note, error: note, child: () => log };

await using runtime = createRuntime({
  cacheDir,
  log,
  clock: systemClock,
  trustedKeys: trustedKey === undefined ? [] : [await readTrustedKey(trustedKey)],
  rewrites: { calls: Number(calls), idle: millis(0), patience: millis(0), pause: seconds(0) },
});
const prepared = await runtime.prepare(file, AbortSignal.timeout(60_000));
await using component = await runtime.start(prepared, {
  id: "component",
  env: {},
  config: {},
  ...ORDINARY_INSTANCE,
  onEvent: () => {},
  onImport: () => Promise.reject(new Error("nothing is linked")),
  log,
});
const ask = (): Promise<unknown> =>
  component.call("petiole:fixture-behaviour/probe", "run", ["length", Buffer.from("hello")]);
for (let call = 0; call < Number(calls); call++) await ask();
if (Number(calls) > 0) await rewritten;
process.stdout.write(JSON.stringify({ answer: await ask(), log: messages } satisfies Report));
