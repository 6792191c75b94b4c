// Entry of the process that compiles a component ahead of time: it starts the component as an agent does, serves the
// recorded calls, and has the cache take over what V8 made of it.

import { readFile } from "node:fs/promises";
import { json } from "node:stream/consumers";
import { PetioleError, WitError } from "../../domain/errors.ts";
import { bytes, mebibytes, millis, minutes } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger, type Logger } from "../../lib/log.ts";
import type { RunningComponent } from "../contract.ts";
import { REWRITTEN } from "../prepare/prepare.ts";
import { createRuntime } from "../runtime.ts";
import type { AheadReport, AheadRequest } from "./child-protocol.ts";
import { parseWarmUp, type WarmUpAnswer, type WarmUpCall } from "./warm-up.ts";
import { reasonOf } from "../../lib/reason.ts";

void main();

async function main(): Promise<void> {
  const request = (await json(process.stdin)) as AheadRequest; // Written by compile-ahead.ts only.
  let report: AheadReport;
  try {
    report = await compile(request);
  } catch (error) {
    const code = error instanceof PetioleError ? error.code : "ERR_INVARIANT";
    report = { ok: false, code, message: reasonOf(error) };
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

async function compile(request: AheadRequest): Promise<AheadReport> {
  const { warmUp, cacheDir, nativeAddon } = request;
  const recorded = warmUp === undefined ? [] : parseWarmUp(await readFile(warmUp, "utf8"), warmUp);
  const calls = recorded.length === 0 ? 0 : Math.max(recorded.length, request.calls);
  const rewritten = Promise.withResolvers<void>();
  const log: Logger = {
    ...silentLogger,
    info: (message) => {
      if (message === REWRITTEN) rewritten.resolve();
    },
    warn: (message, fields) => {
      const reason = fields?.["err"] instanceof Error ? `: ${fields["err"].message}` : "";
      rewritten.reject(new PetioleError("ERR_COMPONENT_PREPARE", `Cannot compile: ${message}${reason}`));
    },
  };
  // Somebody waits for it only in the end.
  rewritten.promise.catch(() => {});
  await using runtime = createRuntime({
    cacheDir,
    nativeAddon,
    log,
    clock: systemClock,
    cacheQuota: mebibytes(4096),
    // An emulated processor is slow, a failed call no reason to wait.
    compile: { memory: mebibytes(2048), time: minutes(20) },
    restarts: { initial: millis(1), max: millis(1) },
    rewrites: { calls, idle: millis(0), patience: millis(0), pause: millis(0) },
  });
  const prepared = await runtime.prepare(request.component, AbortSignal.timeout(minutes(20)));
  const answers: WarmUpAnswer[] = [];
  await using component = await runtime.start(prepared, {
    id: "component",
    env: {},
    config: {},
    limits: {
      deadline: minutes(1),
      memory: bytes(request.memory),
      table: request.table,
      queue: 1,
      instances: 1,
      cpu: 1,
      logRate: 1,
    },
    recycling: {},
    isolation: "shared",
    grants: { folders: [], network: [] },
    onEvent: () => {},
    onImport: async (interfaceName, functionName) => {
      const answer = answers.shift();
      if (answer === undefined) throw new Error(`no answer was recorded for ${functionName} of ${interfaceName}`);
      if ("err" in answer) throw new WitError(answer.err);
      return answer.value;
    },
    log: silentLogger,
  });
  const failures = await serve(component, recorded, calls, answers);
  await rewritten.promise;
  return { ok: true, calls, failures: failures.length, firstFailure: failures[0] };
}

/** What the calls that failed did so with. */
async function serve(
  component: RunningComponent,
  recorded: readonly WarmUpCall[],
  count: number,
  answers: WarmUpAnswer[],
): Promise<readonly string[]> {
  const failures: string[] = [];
  for (let index = 0; index < count; index++) {
    const call = recorded[index % recorded.length];
    if (call === undefined) break;
    answers.splice(0, Infinity, ...call.imports);
    await component.call(call.interfaceName, call.functionName, call.args).catch((error: unknown) => {
      if (!(error instanceof WitError)) failures.push(reasonOf(error));
    });
  }
  return failures;
}
