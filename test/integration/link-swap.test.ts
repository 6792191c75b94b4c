// Pins: a component's link moves from one provider to another of the same contract while calls run. No call is lost, none
// fails, each has its effect once, and what the component holds of the old provider goes on with the new one.

import { connect } from "@nats-io/transport-node";
import { afterAll, describe, test } from "vitest";
import { PROVIDERS } from "../../providers/index.ts";
import { connectNats } from "../../src/adapters/lattice/connection.ts";
import { createMessageBus } from "../../src/adapters/lattice/message-bus.ts";
import type { DesiredState, LinkSpec, ProviderSpec } from "../../src/domain/workload.ts";
import { createHost, type Host } from "../../src/host/host.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { LinkContext, Provider, ProviderDeps } from "../../src/provider/contract.ts";
import type { HostServices } from "../../src/provider/services.ts";
import { exampleComponent } from "../support/agent.ts";
import { inboxServices } from "../support/inbox.ts";
import { connectMqtt } from "../support/mqtt.ts";
import { openNatsPaths } from "../support/nats-path.ts";
import { startNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { startRedis, testRedisBinary } from "../support/redis.ts";
import { createStoreFolder } from "../support/store.ts";
import { waitFor } from "../support/wait-for.ts";
import { GENEROUS_LIMITS, componentSpec } from "../support/workloads.ts";
import { openRuntime } from "./runtime/support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const STORE = ["wasi:keyvalue/store", "wasi:keyvalue/atomics"];
const HANDLER = "wasmcloud:messaging/handler";
const CONSUMER = "wasmcloud:messaging/consumer";
const INSTANCES = 4;
const COUNT = 20;

interface World extends AsyncDisposable {
  readonly host: Host;
  /** Has the component handle a reading. */
  deliver(sensor: string, seq: number): Promise<unknown>;
  /** Sequences of the readings that it published, by sensor. */
  readonly published: Map<string, number[]>;
}

/** A host with the providers that a device has, and one that delivers readings and takes what is published. */
async function openWorld(more: Partial<HostServices> = {}): Promise<World> {
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
      // These providers ask for no more.
      services: { ...inboxServices(keyValue), ...more } as HostServices,
      clock: systemClock,
      log: silentLogger,
    }),
  );
  const owned = stack.move();
  return {
    host,
    published,
    deliver: async (sensor, seq) => {
      const args = [{ subject: "sensors", body: readingOf(sensor, seq), replyTo: undefined }];
      return await handler?.call(HANDLER, "handle-message", args);
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

const readingOf = (sensor: string, seq: number): Buffer => Buffer.from(JSON.stringify({ sensor, seq, value: seq }));
const countTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

const component = componentSpec("smoother", {
  file: exampleComponent("smoother"),
  limits: { ...GENEROUS_LIMITS, instances: INSTANCES, queue: 64 },
});
const link = (source: string, target: string, interfaces: readonly string[], config?: unknown): LinkSpec => ({
  name: "default",
  source,
  target,
  interfaces,
  config,
});

const redis = await testRedisBinary();

/** The stores that there are here, and how each is started. */
const STORES: Readonly<Record<string, (stack: AsyncDisposableStack) => Promise<Omit<ProviderSpec, "id">>>> = {
  SQLite: async () => ({ type: "keyvalue-sqlite", config: {} }),
  memory: async () => ({ type: "keyvalue-memory", config: {} }),
  // Its server is the device's.
  NATS: async () => ({ type: "keyvalue-nats", config: { bucket: "swap", create: { storage: "memory" } } }),
  ...(redis === undefined
    ? {}
    : {
        Redis: async (stack: AsyncDisposableStack) => {
          const { host } = stack.use(await startRedis({ binary: redis }));
          return { type: "keyvalue-redis", config: { url: `redis://${host}` } };
        },
      }),
};
const NAMES = Object.keys(STORES);

describe("a link that is swapped while calls run", () => {
  test(`through ${NAMES.join(", ")} and back: every call is handled once`, async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startNats({ jetstream: true }));
    const nats = stack.use(await openNatsPaths(server.url));
    const world = stack.use(await openWorld({ nats }));
    const stores = await Promise.all(
      Object.entries(STORES).map(async ([id, start]): Promise<ProviderSpec> => ({ id, ...(await start(stack)) })),
    );
    const desired = (store: string): DesiredState => ({
      components: [component],
      providers: [{ id: "ends", type: "ends", config: undefined }, ...stores],
      links: [
        link("ends", "smoother", [HANDLER]),
        link("smoother", "ends", [CONSUMER]),
        link("smoother", store, STORE),
      ],
    });
    const [first = ""] = NAMES;
    await world.host.apply(desired(first));
    expect(world.host.status().components[0]).toMatchObject({ state: "running", lastError: undefined });

    const swapped = new AbortController();
    const sent = new Map<string, number>();
    const deliverAll = async (sensor: string): Promise<void> => {
      for (let seq = 1; !swapped.signal.aborted; seq += 1) {
        // Rejects when the call fails.
        await world.deliver(sensor, seq);
        sent.set(sensor, seq);
      }
    };
    const sensors = countTo(2 * INSTANCES).map((index) => `sensor-${index}`);
    const delivering = Promise.all(sensors.map(deliverAll));
    const swapping = (async () => {
      for (const store of [...NAMES.slice(1), ...NAMES.toReversed().slice(1)]) {
        await world.host.apply(desired(store));
        expect(world.host.status().links.map(({ target, state }) => [target, state])).toContainEqual([store, "bound"]);
        // On each of them calls begin, and instances use the bucket that they opened on another.
        await world.deliver(`on-${store}`, 1);
      }
    })().finally(() => swapped.abort());
    await Promise.all([delivering, swapping]);
    for (const sensor of sensors) expect(world.published.get(sensor)).toEqual(countTo(sent.get(sensor) ?? 0));
    expect(world.host.status().components[0]).toMatchObject({ failures: 0, restarts: 0 });
  });

  test("from MQTT to NATS, in both directions: what either had accepted is handled, and nothing fails", async ({
    expect,
  }) => {
    await using stack = new AsyncDisposableStack();
    const nats = stack.use(await startNats());
    const connection = stack.use(connectNats({ servers: [nats.url], name: "test", log: silentLogger }));
    await waitFor("the connection", () => connection.current() !== undefined);
    const bus = createMessageBus({ connection, log: silentLogger });
    const world = stack.use(await openWorld({ bus }));
    const port = await freePort();
    const desired = (broker: string): DesiredState => {
      const taking =
        broker === "mqtt"
          ? { subscriptions: [{ topic: "sensors/#" }], acknowledge: "handled" }
          : { subscriptions: [{ subject: "sensors.>" }] };
      return {
        components: [component],
        providers: [
          { id: "mqtt", type: "mqtt", config: { broker: { listen: `127.0.0.1:${port}` } } },
          { id: "nats", type: "messaging-nats", config: {} },
          { id: "store", type: "keyvalue-memory", config: {} },
        ],
        links: [
          link(broker, "smoother", [HANDLER], taking),
          link("smoother", broker, [CONSUMER]),
          link("smoother", "store", STORE),
        ],
      };
    };
    await world.host.apply(desired("mqtt"));
    expect(world.host.status().links.map(({ state }) => state)).toEqual(["bound", "bound", "bound"]);

    const handled = new Map<string, number>();
    const take = (body: Uint8Array): void => {
      const { sensor } = JSON.parse(Buffer.from(body).toString()) as { sensor: string };
      handled.set(sensor, (handled.get(sensor) ?? 0) + 1);
    };
    const url = `mqtt://127.0.0.1:${port}`;
    // Of its own: whoever sends is cut off when the link goes that takes it.
    const listener = stack.use(await connectMqtt(url));
    listener.client.on("message", (_topic, body) => take(body));
    // A topic is the subject, letter for letter: one level.
    await listener.client.subscribeAsync("+", { qos: 1 });
    const sensor = stack.use(await connectMqtt(url));
    const elsewhere = stack.adopt(await connect({ servers: nats.url }), async (client) => await client.close());
    elsewhere.subscribe("readings.>", { callback: (_error, message) => take(message.data) });
    await elsewhere.flush();

    // Acknowledged once the component has taken it. What is not when the link goes, whoever sent it still has.
    const accepted: string[] = [];
    for (const seq of countTo(COUNT)) {
      const reading = `mqtt-${seq}`;
      sensor.client.publish("sensors/a", readingOf(reading, seq), { qos: 1 }, (error) => {
        if (error === undefined || error === null) accepted.push(reading);
      });
    }
    await waitFor("the first reading", () => accepted.length > 0);
    await world.host.apply(desired("nats"));
    // The server has the subscription once it answers on that connection.
    await connection.current()?.flush();
    for (const seq of countTo(COUNT)) elsewhere.publish("sensors.a", readingOf(`nats-${seq}`, seq));
    await elsewhere.flush();
    const fromNats = countTo(COUNT).map((seq) => `nats-${seq}`);
    await waitFor("what NATS accepted", () => fromNats.every((one) => handled.has(one)));
    await waitFor("what MQTT accepted", () => accepted.every((one) => handled.has(one)));
    expect(world.host.status().components[0]).toMatchObject({ failures: 0, restarts: 0 });
  });
});
