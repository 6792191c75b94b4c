// Pins: a component's link moves from one provider to another of the same contract while calls run. No call is lost, none
// fails, each has its effect once, and what the component holds of the old provider goes on with the new one.

import { afterAll, describe, test } from "vitest";
import { PROVIDERS } from "../../providers/index.ts";
import type { DesiredState, LinkSpec, ProviderSpec } from "../../src/domain/workload.ts";
import { createHost, type Host } from "../../src/host/host.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { LinkContext, Provider, ProviderDeps } from "../../src/provider/contract.ts";
import type { HostServices } from "../../src/provider/services.ts";
import { exampleComponent } from "../support/agent.ts";
import { tempFolder } from "../support/processes.ts";
import { createStoreFolder } from "../support/store.ts";
import { GENEROUS_LIMITS, componentSpec } from "../support/workloads.ts";
import { openRuntime } from "./runtime/support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const STORE = ["wasi:keyvalue/store", "wasi:keyvalue/atomics"];
const HANDLER = "wasmcloud:messaging/handler";
const CONSUMER = "wasmcloud:messaging/consumer";
const INSTANCES = 4;

interface World extends AsyncDisposable {
  readonly host: Host;
  /** Has the component handle a reading. */
  deliver(sensor: string, seq: number): Promise<unknown>;
  /** Sequences of the readings that it published, by sensor. */
  readonly published: Map<string, number[]>;
}

/** A host with the providers that a device has, and one that delivers readings and takes what is published. */
async function openWorld(): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await createStoreFolder());
  const { keyValue } = stack.use(await folder.open());
  const { runtime, ...opened } = openRuntime(cache.path);
  stack.use(opened);
  let handler: LinkContext<unknown> | undefined;
  const published = new Map<string, number[]>();
  const ends = ({ id }: ProviderDeps): Provider => ({
    id,
    serves: [CONSUMER],
    calls: [HANDLER],
    parseConfig: (raw) => raw,
    parseLinkConfig: (raw) => raw,
    start: async () => {},
    bind: async (link) => {
      if (link.direction === "exports") handler = link;
      const publish = ({ body }: { readonly body: Uint8Array }): void => {
        const { sensor, seq } = JSON.parse(Buffer.from(body).toString()) as { sensor: string; seq: number };
        published.set(sensor, [...(published.get(sensor) ?? []), seq]);
      };
      return { functions: { [CONSUMER]: { publish } }, [Symbol.asyncDispose]: async () => {} };
    },
    [Symbol.asyncDispose]: async () => {},
  });
  const host = stack.use(
    createHost({
      runtime,
      registry: { ...PROVIDERS, ends: async () => ends },
      // Of the services, these providers ask for the store only.
      services: { keyValue } as HostServices,
      clock: systemClock,
      log: silentLogger,
    }),
  );
  const owned = stack.move();
  return {
    host,
    published,
    deliver: async (sensor, seq) => {
      const body = Buffer.from(JSON.stringify({ sensor, seq, value: seq }));
      return await handler?.call(HANDLER, "handle-message", [{ subject: "sensors", body, replyTo: undefined }]);
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

const link = (source: string, target: string, interfaces: readonly string[]): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces,
  config: source === "smoother" && target !== "ends" ? { namespace: "shared" } : undefined,
});

function desired(stores: readonly ProviderSpec[], store: string): DesiredState {
  return {
    components: [
      componentSpec("smoother", {
        file: exampleComponent("smoother"),
        limits: { ...GENEROUS_LIMITS, instances: INSTANCES, queue: 64 },
      }),
    ],
    providers: [{ id: "ends", type: "ends", config: undefined }, ...stores],
    links: [link("ends", "smoother", [HANDLER]), link("smoother", "ends", [CONSUMER]), link("smoother", store, STORE)],
  };
}

describe("a link that is swapped while calls run", () => {
  test("between SQLite and memory: every call is handled once", async ({ expect }) => {
    await using world = await openWorld();
    const stores = [
      { id: "disk", type: "keyvalue-sqlite", config: {} },
      { id: "memory", type: "keyvalue-memory", config: {} },
    ];
    await world.host.apply(desired(stores, "disk"));
    expect(world.host.status().components[0]).toMatchObject({ state: "running", lastError: undefined });

    const swapping = new AbortController();
    const sent = new Map<string, number>();
    const deliverAll = async (sensor: string): Promise<void> => {
      for (let seq = 1; !swapping.signal.aborted; seq += 1) {
        // Rejects when the call fails.
        await world.deliver(sensor, seq);
        sent.set(sensor, seq);
      }
    };
    const sensors = Array.from({ length: 2 * INSTANCES }, (_, index) => `sensor-${index}`);
    const delivering = Promise.all(sensors.map(deliverAll));
    for (const store of ["memory", "disk", "memory", "disk", "memory"]) {
      await world.host.apply(desired(stores, store));
      expect(world.host.status().links.map(({ target, state }) => [target, state])).toContainEqual([store, "bound"]);
      // On each of them calls begin, and instances use the bucket that they opened on another.
      await world.deliver(`on-${store}`, sent.size);
    }
    swapping.abort();
    await delivering;
    for (const sensor of sensors) {
      expect(world.published.get(sensor)).toEqual(Array.from({ length: sent.get(sensor) ?? 0 }, (_, i) => i + 1));
    }
    expect(world.host.status().components[0]).toMatchObject({ failures: 0, restarts: 0 });
  });
});
