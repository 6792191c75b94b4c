import { fileURLToPath } from "node:url";
import type { ComponentLimits } from "../../../src/domain/workload.ts";
import { bytes, millis } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { loggerOf, type LogFields, type Logger } from "../../../src/lib/log.ts";
import type {
  ImportHandler,
  InstanceOptions,
  PreparedComponent,
  RunningComponent,
} from "../../../src/runtime/contract.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "../../support/workloads.ts";
import { createRuntime, type ReleasingRuntime, type RuntimeDeps } from "../../../src/runtime/runtime.ts";

export type Fixture = "bare" | "behaviour" | "blobs" | "fieldbus" | "http" | "types" | "wasi" | "watcher";

export const MESSAGING = "wasmcloud:messaging/handler";
export const BLOBS_PROBE = "petiole:fixture-blobs/probe";
export const PROBE = "petiole:fixture-behaviour/probe";
export const WASI_PROBE = "petiole:fixture-wasi/probe";
export const MIRROR = "petiole:fixture-types/mirror";

/** Path of a component built by `npm run build:examples`. */
export function fixture(name: Fixture): string {
  return fileURLToPath(new URL(`../../fixtures/components/build/${name}.wasm`, import.meta.url));
}

export interface LogEntry extends LogFields {
  readonly level: string;
  readonly message: string;
}

/** Keeps what is logged. */
export function recordingLogger(entries: LogEntry[], fields: LogFields = {}): Logger {
  const at = (level: string) => (message: string, more?: LogFields) => {
    entries.push({ ...fields, ...more, level, message });
  };
  return loggerOf(at, (more) => recordingLogger(entries, { ...fields, ...more }));
}

export interface TestRuntime extends AsyncDisposable {
  readonly runtime: ReleasingRuntime;
  readonly entries: readonly LogEntry[];
  /** Prepares and starts a fixture, with generous limits unless given others. */
  start(name: Fixture, options?: Partial<InstanceOptions>): Promise<RunningComponent>;
  startPrepared(prepared: PreparedComponent, options?: Partial<InstanceOptions>): Promise<RunningComponent>;
}

const LIMITS = GENEROUS_LIMITS;

export function openRuntime(cacheDir: string, deps: Partial<RuntimeDeps> = {}): TestRuntime {
  const entries: LogEntry[] = [];
  const log = recordingLogger(entries);
  const restarts = { initial: millis(1), max: millis(1) };
  const runtime = createRuntime({ cacheDir, log, clock: systemClock, restarts, ...deps });
  const startPrepared: TestRuntime["startPrepared"] = (prepared, options) =>
    runtime.start(prepared, {
      id: "component",
      env: {},
      config: {},
      ...ORDINARY_INSTANCE,
      onEvent: () => {},
      onImport: refuseImports,
      log,
      ...options,
    });
  return {
    runtime,
    entries,
    startPrepared,
    start: async (name, options) =>
      startPrepared(await runtime.prepare(fixture(name), AbortSignal.timeout(60_000)), { id: name, ...options }),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
}

/** In plain numbers: milliseconds, bytes. */
export const limits = (more: { readonly [K in keyof ComponentLimits]?: number }): ComponentLimits => ({
  ...LIMITS,
  ...more,
  deadline: more.deadline === undefined ? LIMITS.deadline : millis(more.deadline),
  memory: more.memory === undefined ? LIMITS.memory : bytes(more.memory),
});

const refuseImports: ImportHandler = (interfaceName, functionName) => {
  throw new Error(`nothing serves ${functionName} of ${interfaceName}`);
};

/** Answers `petiole:fixture-behaviour/probe#run`. */
export function probe(
  component: RunningComponent,
  command: string,
  payload: Uint8Array | string = "",
): Promise<unknown> {
  return component.call(PROBE, "run", [command, Buffer.from(payload)]);
}

/** Sends the message that makes the `bare` fixture do what `command` begins with. */
export function bare(component: RunningComponent, command: string): Promise<unknown> {
  return component.call(MESSAGING, "handle-message", [
    { subject: command, body: new Uint8Array(), replyTo: undefined },
  ]);
}

/** Calls `run` of the `wasi` fixture. */
export function wasi(
  component: RunningComponent,
  command: string,
  payload: Uint8Array | string = "",
): Promise<unknown> {
  return component.call(WASI_PROBE, "run", [command, Buffer.from(payload)]);
}

/** An import handler whose calls the test answers one by one. */
export function heldImports(): {
  readonly handler: ImportHandler;
  /** Resolves with the next call that was made and not yet taken. */
  next(): Promise<{ readonly functionName: string; answer(value: unknown): void; fail(error: unknown): void }>;
} {
  type Held = { readonly functionName: string; answer(value: unknown): void; fail(error: unknown): void };
  const made: Held[] = [];
  const awaited: ((held: Held) => void)[] = [];
  return {
    handler: (_interfaceName, functionName) =>
      new Promise((resolve, reject) => {
        const held: Held = { functionName, answer: resolve, fail: reject };
        const waiter = awaited.shift();
        if (waiter === undefined) made.push(held);
        else waiter(held);
      }),
    next: () => {
      const held = made.shift();
      return held === undefined ? new Promise((resolve) => awaited.push(resolve)) : Promise.resolve(held);
    },
  };
}
