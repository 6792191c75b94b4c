// A device with one component that is updated: the real runtime, store and copies on a real disk, and a provider that
// calls the component.

import { join } from "node:path";
import { createKeptVersions, openStore } from "../../src/adapters/store/index.ts";
import { mebibytes, millis, seconds } from "../../src/domain/units.ts";
import type { ComponentSpec, UpdatePolicy } from "../../src/domain/workload.ts";
import { createHost, type Host } from "../../src/host/host.ts";
import type { KeptVersions, StateStore, TrustCheck } from "../../src/host/ports.ts";
import { openUpdateJournal } from "../../src/host/update/journal.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { LinkContext, Provider, ProviderDeps } from "../../src/provider/contract.ts";
import type { HostServices } from "../../src/provider/services.ts";
import type { Runtime } from "../../src/runtime/contract.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { GENEROUS_LIMITS, componentSpec } from "./workloads.ts";
import { SERVICE } from "./version-components.ts";

export interface UpdateDeviceOptions {
  /** State and copies. */
  readonly folder: string;
  readonly cache: string;
  /** Called before and after everything that an update writes or starts. */
  readonly onStep?: (step: string) => void;
  readonly trust?: (state: StateStore) => Promise<TrustCheck>;
}

export interface UpdateDevice extends AsyncDisposable {
  readonly host: Host;
  /** Makes it want the file. */
  want(file: string, policy?: Partial<UpdatePolicy>, more?: Partial<ComponentSpec>): Promise<void>;
  /** The number of the version that answered. */
  answer(value?: number): Promise<number>;
  call(functionName: string, ...args: readonly number[]): Promise<unknown>;
  status(): ReturnType<Host["status"]>["components"][number];
}

export async function openUpdateDevice(options: UpdateDeviceOptions): Promise<UpdateDevice> {
  const { folder, cache, onStep = () => {}, trust } = options;
  await using stack = new AsyncDisposableStack();
  const around = async <T>(step: string, action: () => Promise<T>): Promise<T> => {
    onStep(`before ${step}`);
    const result = await action();
    onStep(`after ${step}`);
    return result;
  };
  const store = stack.use(
    await openStore({
      dir: join(folder, "state"),
      log: silentLogger,
      clock: systemClock,
      outbox: { maxBytes: mebibytes(1) },
    }),
  );
  const state: StateStore = {
    load: (name) => store.state.load(name),
    save: (name, value) => around(`save ${name}`, () => store.state.save(name, value)),
  };
  const copies = createKeptVersions({
    folder: join(folder, "versions"),
    maxSize: mebibytes(16),
    isFinal: () => false,
    besides: [".sig"],
  });
  const kept: KeptVersions = {
    keep: (file, digest) => around("keep", () => copies.keep(file, digest)),
    find: (digest) => copies.find(digest),
    retain: (digests) => around("retain", () => copies.retain(digests)),
  };
  const real = stack.use(
    createRuntime({
      cacheDir: cache,
      log: silentLogger,
      clock: systemClock,
      restarts: { initial: millis(1), max: millis(1) },
    }),
  );
  const runtime: Runtime = {
    builtin: real.builtin,
    prepare: (file, signal, admit) => real.prepare(file, signal, admit),
    start: (component, instance) => around("start", () => real.start(component, instance)),
    [Symbol.asyncDispose]: async () => {},
  };
  let caller: LinkContext<unknown> | undefined;
  const factory = ({ id }: ProviderDeps): Provider => ({
    id,
    serves: [],
    calls: [SERVICE],
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async () => {},
    bind: async (link) => {
      caller = link;
      return { functions: {}, [Symbol.asyncDispose]: async () => {} };
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const host = stack.use(
    createHost({
      runtime,
      registry: { caller: async () => factory },
      // The provider asks nothing of the host.
      services: {} as HostServices,
      trust: await trust?.(state),
      journal: await openUpdateJournal(state, silentLogger),
      kept,
      clock: systemClock,
      log: silentLogger,
    }),
  );
  const call = async (functionName: string, ...args: readonly number[]): Promise<unknown> =>
    await caller?.call(SERVICE, functionName, args);
  const parts = stack.move();
  return {
    host,
    call,
    answer: async (value = 7) => Math.floor(Number(await call("answer", value)) / 1000),
    want: (file, policy, more = {}) =>
      host.apply({
        components: [
          componentSpec("app", {
            file,
            limits: { ...GENEROUS_LIMITS, deadline: millis(500) },
            update: {
              trial: seconds(30),
              maxFailures: 1,
              maxGrowth: mebibytes(4),
              maxCrashes: 3,
              beside: true,
              ...policy,
            },
            ...more,
          }),
        ],
        providers: [{ id: "caller", type: "caller", config: {} }],
        links: [{ name: "default", source: "caller", target: "app", interfaces: [SERVICE], config: undefined }],
      }),
    status() {
      const [status] = host.status().components;
      if (status === undefined) throw new Error("there is no component");
      return status;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
