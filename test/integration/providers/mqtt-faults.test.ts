// Pins what becomes of messages when connections, brokers and the agent end at any point of an exchange, and that nobody
// at the other end of a connection can bring the agent down.

import { connect } from "node:net";
import { randomBytes } from "node:crypto";
import type { Packet } from "mqtt-packet";
import { describe, test } from "vitest";
import type { KeyValueStore } from "../../../src/provider/services.ts";
import { createMemoryKeyValue } from "../../support/inbox.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { startMqttProvider, type MqttRig } from "../../support/mqtt-provider.ts";
import { connectMqtt } from "../../support/mqtt.ts";
import { startScriptedMqtt } from "../../support/scripted-mqtt.ts";

const QUICK = { reconnect: { initial: "5ms", max: "20ms" }, link_grace: "50ms", keep_alive: "5s" };

interface Agent extends AsyncDisposable {
  readonly rig: MqttRig;
  readonly bodies: Mailbox<string>;
}

/** A provider with a component that takes everything, linked with QoS 2. */
async function startAgent(config: object, keyValue: KeyValueStore, bodies: Mailbox<string>): Promise<Agent> {
  const rig = await startMqttProvider({ ...QUICK, ...config }, { keyValue });
  const link = await rig.bind({
    config: { subscriptions: [{ topic: "n/#", qos: 2 }] },
    handler: (_name, args) => {
      bodies.put(Buffer.from((args[0] as { readonly body: Uint8Array }).body).toString());
    },
  });
  return {
    rig,
    bodies,
    async [Symbol.asyncDispose]() {
      await link[Symbol.asyncDispose]();
      await rig[Symbol.asyncDispose]();
    },
  };
}

const publish = (messageId: number, payload: string, dup = false): Packet => ({
  cmd: "publish",
  topic: "n/1",
  payload,
  qos: 2,
  messageId,
  dup,
  retain: false,
});

describe("QoS 2 with a broker that is cut off", () => {
  for (const [version, protocol] of [
    [4, "3.1.1"],
    [5, "5"],
  ] as const) {
    for (const restarted of [false, true]) {
      const title = `MQTT ${protocol}${restarted ? ", with the agent restarted each time" : ""}`;
      test(`each message is handled once, wherever the exchange ended: ${title}`, async ({ expect }) => {
        await using broker = await startScriptedMqtt(version);
        const keyValue = createMemoryKeyValue();
        const bodies = createMailbox<string>();
        const config = { url: broker.url, protocol };
        let agent = await startAgent(config, keyValue, bodies);
        try {
          let connection = await broker.accept(false);
          const again = async (): Promise<void> => {
            if (restarted) await agent[Symbol.asyncDispose]();
            else connection.cut();
            if (restarted) agent = await startAgent(config, keyValue, bodies);
            connection = await broker.accept(true);
          };
          await connection.wait("subscribe");

          // PUBLISH may have arrived or not.
          connection.send(publish(7, "first"));
          await again();
          // PUBREC was lost.
          connection.send(publish(7, "first", true));
          await connection.wait("pubrec");
          await again();
          connection.send(publish(7, "first", true));
          await connection.wait("pubrec");
          // PUBCOMP was lost.
          connection.send({ cmd: "pubrel", messageId: 7 });
          await connection.wait("pubcomp");
          await again();
          connection.send({ cmd: "pubrel", messageId: 7 });
          await connection.wait("pubcomp");
          // The identifier is free: this is another message, although it is the same again.
          connection.send(publish(7, "first"));
          await connection.wait("pubrec");
          await again();
          // A broker that lost its state: under an identifier that is open, it sends what is not known.
          connection.send(publish(7, "second", true));
          await connection.wait("pubrec");
          connection.send({ cmd: "pubrel", messageId: 7 });
          await connection.wait("pubcomp");
          connection.send(publish(8, "end"));
          await bodies.find((body) => body === "end");
          expect(bodies.all).toEqual(["first", "first", "second", "end"]);
        } finally {
          await agent[Symbol.asyncDispose]();
        }
      });
    }
  }

  test("without the session at the broker, an open identifier does not count", async ({ expect }) => {
    await using broker = await startScriptedMqtt(4);
    const bodies = createMailbox<string>();
    await using _agent = await startAgent({ url: broker.url }, createMemoryKeyValue(), bodies);
    let connection = await broker.accept(false);
    connection.send(publish(1, "same"));
    await connection.wait("pubrec");
    connection.cut();
    connection = await broker.accept(false);
    await connection.wait("subscribe");
    connection.send(publish(1, "same", true));
    await connection.wait("pubrec");
    expect(await bodies.waitFor(2)).toEqual(["same", "same"]);
  });
});

describe("hostile ends", () => {
  /** What a packet starts with, and what follows is none. */
  const garbage = (): Uint8Array =>
    Buffer.concat([Uint8Array.of(0x30 + ((randomBytes(1)[0] ?? 0) % 16)), randomBytes(64)]);
  /** PUBLISH with a length of 200 MiB that never comes. */
  const ENDLESS = Uint8Array.of(0x30, 0x80, 0x80, 0x80, 0x64);

  for (const [version, protocol] of [
    [4, "3.1.1"],
    [5, "5"],
  ] as const) {
    test(`a broker that sends garbage or packets without end is left, and looked for again: MQTT ${protocol}`, async ({
      expect,
    }) => {
      await using broker = await startScriptedMqtt(version);
      const bodies = createMailbox<string>();
      await using agent = await startAgent({ url: broker.url, protocol }, createMemoryKeyValue(), bodies);
      const bad: readonly (readonly Uint8Array[])[] = [
        [ENDLESS, randomBytes(64)],
        ...Array.from({ length: 20 }, () => [garbage(), garbage()]),
      ];
      for (const parts of bad) {
        const connection = await broker.accept(true);
        for (const part of parts) connection.sendRaw(part);
        // Garbage may be a packet that waits for its rest.
        connection.sendRaw(Uint8Array.of(0xf0, 0xff, 0xff, 0xff, 0xff, 0xff));
        connection.sendRaw(randomBytes(4096));
        connection.end();
        await connection.closed;
      }
      const connection = await broker.accept(true);
      connection.send(publish(1, "end"));
      await bodies.find((body) => body === "end");
      expect(agent.rig.provider.inboxStats?.()?.dead).toEqual([]);
    });
  }

  test("clients that send garbage, too much or nothing end no other", async ({ expect }) => {
    const bodies = createMailbox<string>();
    const config = { broker: { listen: "127.0.0.1:0" }, max_packet: "4KiB" };
    await using agent = await startAgent(config, createMemoryKeyValue(), bodies);
    const { url } = agent.rig;
    await using good = await connectMqtt(url);
    const { hostname, port } = new URL(url);
    const CONNECT = Buffer.from("100f00044d5154540402003c000361626300", "hex").subarray(0, 17);
    const bad = [
      Buffer.from(ENDLESS),
      Buffer.concat([CONNECT, ENDLESS]),
      ...Array.from({ length: 20 }, () => Buffer.concat([CONNECT, garbage(), garbage(), randomBytes(4096)])),
      ...Array.from({ length: 20 }, () => randomBytes(512)),
    ];
    for (const bytes of bad) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => {});
      socket.end(bytes);
      socket.resume();
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    }
    await using large = await connectMqtt(url);
    const ended = new Promise<void>((resolve) => large.client.once("close", () => resolve()));
    large.client.publish("n/1", Buffer.alloc(5000), { qos: 0 });
    await ended;
    await expect(connectMqtt(url, { protocolVersion: 5 })).rejects.toThrow();
    await good.client.publishAsync("n/1", "end", { qos: 2 });
    expect(await bodies.find((body) => body === "end")).toBe("end");
  });
});
