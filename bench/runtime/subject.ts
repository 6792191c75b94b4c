// What is measured: components with the world `bench` (bench/components), in a runtime as the agent builds it.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mebibytes, seconds } from "../../src/domain/units.ts";
import type { ComponentLimits } from "../../src/domain/workload.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { InstanceOptions, RunningComponent, Runtime } from "../../src/runtime/contract.ts";
import { createRuntime, type RuntimeDeps } from "../../src/runtime/runtime.ts";

export type SubjectName = "core" | "quickjs";

/** Where scripts/build-native.ts puts the add-on: a bundle has to be told. */
export const ADDON = fileURLToPath(
  new URL(`../../native/build/linux-${process.arch}/petiole-native.node`, import.meta.url),
);

export const GUEST = "petiole:bench/guest";

export function subjectFile(name: SubjectName): string {
  return fileURLToPath(new URL(`../components/build/${name}.wasm`, import.meta.url));
}

const LIMITS: ComponentLimits = {
  deadline: seconds(60),
  memory: mebibytes(32),
  table: 100_000,
  queue: 100_000,
  instances: 1,
  cpu: 1,
  logRate: 50,
};

/** Inside the checkout, so that bundles in it find the packages that they leave outside. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const parent = fileURLToPath(new URL("../../.cache/", import.meta.url));
  await mkdir(parent, { recursive: true });
  const path = await mkdtemp(join(parent, "bench-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function openRuntime(cacheDir: string, more: Partial<RuntimeDeps> = {}): Runtime {
  return createRuntime({ cacheDir, log: silentLogger, clock: systemClock, ...more });
}

/** Starts a component that is answered what it asks with. */
export async function startSubject(
  runtime: Runtime,
  file: string,
  more: Partial<InstanceOptions> & { readonly instances?: number } = {},
): Promise<RunningComponent> {
  const { instances = 1, ...options } = more;
  const prepared = await runtime.prepare(file, new AbortController().signal);
  return runtime.start(prepared, {
    id: "subject",
    env: {},
    config: {},
    limits: { ...LIMITS, instances },
    recycling: {},
    isolation: "shared",
    grants: { folders: [], network: [] },
    onImport: async (_interfaceName, _functionName, [payload]) => payload,
    onEvent: () => {},
    log: silentLogger,
    ...options,
  });
}

export function run(component: RunningComponent, asks: number, payload: Uint8Array): Promise<unknown> {
  return component.call(GUEST, "run", [asks, payload]);
}

/** Keeps `inFlight` calls going until `total` have ended; gives calls a second. */
export async function throughput(
  call: () => Promise<unknown>,
  { total, inFlight }: { readonly total: number; readonly inFlight: number },
): Promise<number> {
  let left = total;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left--;
        await call();
      }
    }),
  );
  return total / ((performance.now() - started) / 1000);
}
