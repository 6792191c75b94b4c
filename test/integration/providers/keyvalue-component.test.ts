// Pins that a real component does with `wasi:keyvalue`, of its second draft, what the contract says, on every provider of it.

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createKeyValueMemoryProvider } from "../../../providers/keyvalue/memory.ts";
import { createKeyValueNatsProvider } from "../../../providers/keyvalue/nats/index.ts";
import { createKeyValueRedisProvider } from "../../../providers/keyvalue/redis/index.ts";
import { createKeyValueSqliteProvider } from "../../../providers/keyvalue/sqlite.ts";
import { seconds } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import { openNatsPaths } from "../../support/nats-path.ts";
import { startNats } from "../../support/nats.ts";
import { tempFolder } from "../../support/processes.ts";
import { bindLink, startProvider, type Rig } from "../../support/provider-rig.ts";
import { startRedis, testRedisBinary } from "../../support/redis.ts";
import { createStoreFolder } from "../../support/store.ts";
import { GENEROUS_LIMITS, ORDINARY_INSTANCE } from "../../support/workloads.ts";

const COMPONENT = fileURLToPath(new URL("../../fixtures/second-draft/components/build/keyvalue.wasm", import.meta.url));
const redis = await testRedisBinary();

interface Backend {
  readonly name: string;
  readonly skip?: boolean;
  readonly create: (stack: AsyncDisposableStack) => Promise<Rig>;
}

const BACKENDS: readonly Backend[] = [
  { name: "keyvalue-memory", create: async () => await startProvider(createKeyValueMemoryProvider, {}) },
  {
    name: "keyvalue-sqlite",
    create: async (stack) => {
      const folder = stack.use(await createStoreFolder());
      const { keyValue } = stack.use(await folder.open());
      return await startProvider(createKeyValueSqliteProvider, {}, { services: { keyValue } });
    },
  },
  {
    name: "keyvalue-nats",
    create: async (stack) => {
      const server = stack.use(await startNats({ jetstream: true }));
      const nats = stack.use(await openNatsPaths(server.url));
      return await startProvider(createKeyValueNatsProvider, { create: {} }, { services: { nats } });
    },
  },
  {
    name: "keyvalue-redis",
    skip: redis === undefined,
    create: async (stack) => {
      const server = stack.use(await startRedis({ binary: redis ?? "" }));
      return await startProvider(createKeyValueRedisProvider, { url: `redis://${server.host}` });
    },
  },
];

describe("a component with wasi:keyvalue@0.2.0-draft2", () => {
  const stack = new AsyncDisposableStack();
  let runtime: ReturnType<typeof createRuntime>;
  beforeAll(async () => {
    const folder = stack.use(await tempFolder());
    runtime = stack.use(createRuntime({ cacheDir: folder.path, clock: systemClock, log: silentLogger }));
  });
  afterAll(async () => await stack.disposeAsync());

  for (const { name, skip, create } of BACKENDS) {
    test.skipIf(skip === true)(`swaps, counts, sets many and lists on ${name}`, async ({ expect }) => {
      await using own = new AsyncDisposableStack();
      const rig = own.use(await create(own));
      const prepared = await runtime.prepare(COMPONENT, AbortSignal.timeout(60_000));
      const link = own.use(await bindLink(rig.provider, { shapes: prepared.shapes.imports }));
      const component = own.use(
        await runtime.start(prepared, {
          id: "component",
          env: {},
          config: {},
          ...ORDINARY_INSTANCE,
          limits: { ...GENEROUS_LIMITS, deadline: seconds(30), queue: 64 },
          onEvent: () => {},
          log: silentLogger,
          onImport: async (interfaceName, functionName, args) => await link.call(interfaceName, functionName, ...args),
        }),
      );
      const ask = async (functionName: string, ...args: readonly unknown[]): Promise<unknown> =>
        await component.call("petiole:fixture-keyvalue/probe", functionName, args);

      expect(await ask("swap", "b", "k", "first", undefined)).toEqual(["had nothing", "swapped"]);
      expect(await ask("swap", "b", "k", "mine", "theirs")).toEqual(["had first", "failed, has theirs", "swapped"]);
      expect(await ask("swap", "b", "k", "last", undefined)).toEqual(["had mine", "swapped"]);
      expect(await ask("count", "b", "n", -3n)).toBe(-3n);
      expect(await ask("count", "b", "n", 5n)).toBe(2n);
      await expect(ask("count", "b", "k", 1n)).rejects.toMatchObject({ payload: "other" });
      const pairs = Array.from({ length: 120 }, (_, i): [string, string] => [`key-${i}`, `value ${i}`]);
      expect(await ask("batch", "many", pairs)).toEqual([...pairs.map(([, value]) => value), undefined]);
      const keys = (await ask("keys", "many")) as readonly string[];
      expect([...new Set(keys)].sort()).toEqual(pairs.map(([key]) => key).sort());
    });
  }
});
