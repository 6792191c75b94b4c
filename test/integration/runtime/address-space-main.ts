// Run by address-space.test.ts in a process with little address space: more instances and more suspended calls than fit.

import { pathToFileURL } from "node:url";
import { isPetioleError } from "../../../src/domain/errors.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { RunningComponent } from "../../../src/runtime/contract.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "../../support/workloads.ts";

const [cacheDir = "", worker = "", component = "", rounds = "", isolation = ""] = process.argv.slice(2);
const COMPONENTS = 8;
const CALLS = 20;
// The host is slow enough that calls get stacks which V8 does not keep.
const ANSWER_AFTER = 15;

await using runtime = createRuntime({
  cacheDir,
  log: silentLogger,
  clock: systemClock,
  workerEntry: pathToFileURL(worker),
});
const prepared = await runtime.prepare(component, AbortSignal.timeout(60_000));
const held = new Set<() => void>();
const started: RunningComponent[] = [];
let refused = 0;
for (let index = 0; index < COMPONENTS; index++) {
  try {
    started.push(
      await runtime.start(prepared, {
        id: `component-${index}`,
        env: {},
        config: {},
        ...ORDINARY_INSTANCE,
        isolation: isolation === "dedicated" ? "dedicated" : "shared",
        limits: { ...GENEROUS_LIMITS, instances: CALLS, queue: CALLS },
        onEvent: () => {},
        onImport: () => new Promise<void>((resolve) => held.add(resolve)),
        log: silentLogger,
      }),
    );
  } catch (error) {
    if (!isPetioleError(error, "ERR_ADDRESS_SPACE")) throw error;
    refused++;
  }
}

let suspended = 0;
let answered = 0;
for (let round = 0; round < Number(rounds); round++) {
  const message = [{ subject: "pass", body: new Uint8Array(100), replyTo: undefined }];
  const calls = started.flatMap((one) =>
    Array.from({ length: CALLS }, () => one.call("wasmcloud:messaging/handler", "handle-message", message)),
  );
  const release = setInterval(() => {
    suspended = Math.max(suspended, held.size);
    for (const resolve of held) resolve();
    held.clear();
  }, ANSWER_AFTER);
  answered += (await Promise.all(calls)).length;
  clearInterval(release);
}
const instances = started.reduce((sum, one) => sum + one.stats().instances, 0);
const reserved = started.reduce((sum, one) => sum + one.stats().reserved, 0);
const calls = started.length * CALLS * Number(rounds);
process.stdout.write(
  JSON.stringify({ started: started.length, refused, instances, reserved, suspended, calls, answered }),
);
for (const one of started) await one[Symbol.asyncDispose]();
