// Contract: which way a component's messages come and go is a matter of its links, and of nothing else.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import mqtt from "mqtt";
import { describe, test } from "vitest";
import { exampleComponent, startAgent } from "../support/agent.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { waitFor } from "../support/wait-for.ts";

const READING = JSON.stringify({ sensor: "boiler", seq: 1, value: 50 });
const SMOOTHED = { sensor: "boiler", seq: 1, value: 50, smoothed: 50 };

/**
 * The newest message that the hub's stream holds on `subject`. `send` comes before each look: NATS keeps no message for an
 * agent that is just about to subscribe.
 */
async function atHub(hub: TestNats, subject: string, send: () => Promise<void>): Promise<unknown> {
  const connection = await connect({ servers: hub.url });
  try {
    const manager = await jetstreamManager(connection);
    return await waitFor(`${subject} at the hub`, async () => {
      await send();
      return (await manager.streams.getMessage("PETIOLE", { last_by_subj: subject }))?.json();
    });
  } finally {
    await connection.close();
  }
}

const smoother = { smoother: { file: exampleComponent("smoother") } };
const toStore = { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] };
const fromNats = {
  from: "bus",
  to: "smoother",
  interfaces: ["wasmcloud:messaging/handler"],
  config: { subscriptions: [{ subject: "sensors.>" }] },
};
const toOutbox = {
  from: "smoother",
  to: "bus",
  interfaces: ["wasmcloud:messaging/consumer"],
  config: { lanes: [{ subject: ">", lane: "critical" }] },
};

describe("the same component", () => {
  test("receives over NATS in direct mode and sends to the outbox", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true });
    await using agent = await startAgent({
      hub: { mode: "direct", urls: [hub.url], stream: { create: true } },
      components: smoother,
      providers: { bus: { type: "messaging-nats" }, store: { type: "keyvalue-sqlite" } },
      links: [fromNats, toOutbox, toStore],
    });
    await waitFor("the link to be online", async () => (await agent.status()).hub.link === "online");
    expect((await agent.status()).hub).toMatchObject({ mode: "direct", server: hub.version });
    const sensor = await connect({ servers: hub.url });
    const send = async (): Promise<void> => {
      sensor.publish("sensors.boiler", READING);
      await sensor.flush();
    };
    expect(await atHub(hub, "petiole.gw-1.critical.readings.boiler", send)).toEqual(SMOOTHED);
    await sensor.close();
    expect(await agent.stop("SIGTERM")).toBe(0);
  });

  test("receives over NATS at the leaf, from a client on the device", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const listen = `127.0.0.1:${await freePort()}`;
    await using agent = await startAgent({
      hub: { urls: [hub.leafUrl], domain: "hub", stream: { create: true } },
      leaf: { listen, monitor: `127.0.0.1:${await freePort()}` },
      components: smoother,
      providers: { bus: { type: "messaging-nats" }, store: { type: "keyvalue-sqlite" } },
      links: [fromNats, toOutbox, toStore],
    });
    await waitFor("the link to be online", async () => (await agent.status()).hub.link === "online");
    const sensor = await connect({ servers: `nats://${listen}` });
    const send = async (): Promise<void> => {
      sensor.publish("sensors.boiler", READING);
      await sensor.flush();
    };
    expect(await atHub(hub, "petiole.gw-1.critical.readings.boiler", send)).toEqual(SMOOTHED);
    await sensor.close();
  });

  test("receives from MQTT and answers to MQTT, with no hub at all", async ({ expect }) => {
    const port = await freePort();
    await using _ = await startAgent({
      components: smoother,
      providers: {
        broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${port}` } } },
        store: { type: "keyvalue-sqlite" },
      },
      links: [
        {
          from: "broker",
          to: "smoother",
          interfaces: ["wasmcloud:messaging/handler"],
          config: { subscriptions: [{ topic: "sensors/#" }] },
        },
        { from: "smoother", to: "broker", interfaces: ["wasmcloud:messaging/consumer"] },
        toStore,
      ],
    });
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
    const answer = new Promise<string>((resolve) => {
      client.on("message", (_topic, payload) => resolve(payload.toString()));
    });
    await client.subscribeAsync("readings.boiler");
    await client.publishAsync("sensors/boiler", READING, { qos: 1 });
    expect(JSON.parse(await answer)).toEqual(SMOOTHED);
    await client.endAsync(true);
  });
});
