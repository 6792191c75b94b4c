// Pins what becomes of messages when connections, brokers and the agent end at any point of an exchange, and that nobody
// at the other end of a connection can bring the agent down.

import { connect } from "node:net";
import { randomBytes } from "node:crypto";
import type { Packet } from "mqtt-packet";
import { describe, test } from "vitest";
import { silentLogger, type Logger } from "../../../src/lib/log.ts";
import type { KeyValueStore } from "../../../src/provider/services.ts";
import { createMemoryKeyValue } from "../../support/inbox.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { startMqttProvider, type MqttRig } from "../../support/mqtt-provider.ts";
import { connectMqtt, findProgram, startMosquitto, type TestClient } from "../../support/mqtt.ts";
import { freePort } from "../../support/ports.ts";
import { recordingLogger } from "../../support/provider-rig.ts";
import { startScriptedMqtt } from "../../support/scripted-mqtt.ts";
import { skipping } from "../../support/skip.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const QUICK = { reconnect: { initial: "5ms", max: "20ms" }, link_grace: "50ms", keep_alive: "5s" };

interface Agent extends AsyncDisposable {
  readonly rig: MqttRig;
  readonly bodies: Mailbox<string>;
}

/** A provider with a component that takes everything, linked with QoS 2. */
async function startAgent(
  config: object,
  keyValue: KeyValueStore,
  bodies: Mailbox<string>,
  log: Logger = silentLogger,
): Promise<Agent> {
  const rig = await startMqttProvider({ ...QUICK, ...config }, { keyValue, log });
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

describe("QoS 1", () => {
  const one = (messageId: number): Packet => ({ ...publish(messageId, `${messageId}`), qos: 1 }) as Packet;
  const ids = [11, 12, 13, 14, 15];

  /** A store that keeps its first `count` writers waiting. */
  function holdWrites(
    keyValue: KeyValueStore,
    count: number,
  ): {
    readonly store: KeyValueStore;
    readonly held: Mailbox<PromiseWithResolvers<void>>;
  } {
    const held = createMailbox<PromiseWithResolvers<void>>();
    const store: KeyValueStore = {
      ...keyValue,
      set: async (bucket, key, value) => {
        if (held.all.length < count) {
          const gate = Promise.withResolvers<void>();
          held.put(gate);
          await gate.promise;
        }
        await keyValue.set(bucket, key, value);
      },
    };
    return { store, held };
  }
  const acknowledged = (packets: readonly Packet[]): readonly (number | undefined)[] =>
    packets.flatMap((packet) => (packet.cmd === "puback" ? [packet.messageId] : []));

  test("messages share a commit; acknowledgements wait for it, and keep their order", async ({ expect }) => {
    await using broker = await startScriptedMqtt(4);
    const { store, held } = holdWrites(createMemoryKeyValue(), ids.length);
    const bodies = createMailbox<string>();
    await using _agent = await startAgent({ url: broker.url }, store, bodies);
    const connection = await broker.accept(false);
    await connection.wait("subscribe");
    for (const id of ids) connection.send(one(id));
    const gates = await held.waitFor(ids.length);
    expect(acknowledged(connection.received)).toEqual([]);
    gates[0]?.resolve();
    await waitFor("an acknowledgement", () => acknowledged(connection.received).length > 0);
    expect(acknowledged(connection.received)).toEqual([11]);
    // The store ends writings in their order.
    for (const gate of gates) gate.resolve();
    await waitFor("all acknowledgements", () => acknowledged(connection.received).length === ids.length);
    expect(acknowledged(connection.received)).toEqual(ids);
    expect(await bodies.waitFor(ids.length)).toEqual(ids.map(String));
  });

  test("nothing behind a message that could not be stored is acknowledged", async ({ expect }) => {
    await using broker = await startScriptedMqtt(4);
    const { store, held } = holdWrites(createMemoryKeyValue(), ids.length);
    await using _agent = await startAgent({ url: broker.url }, store, createMailbox<string>());
    const connection = await broker.accept(false);
    await connection.wait("subscribe");
    for (const id of ids) connection.send(one(id));
    const gates = await held.waitFor(ids.length);
    for (const [index, gate] of gates.entries()) {
      if (index === 2) gate.reject(new Error("the disk failed"));
      else gate.resolve();
    }
    await connection.closed;
    expect(acknowledged(connection.received)).toEqual(ids.slice(0, acknowledged(connection.received).length));
    expect(acknowledged(connection.received).length).toBeLessThanOrEqual(2);
    // What is looked for again is another connection.
    const next = await broker.accept(true);
    expect(next.received[0]).toMatchObject({ cmd: "connect" });
  });
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

describe("QoS 2 over a path that breaks in the middle of packets", () => {
  const ROUNDS = 30;
  const PER_ROUND = 4;
  const names = Array.from({ length: ROUNDS * PER_ROUND }, (_, n) => `message ${n}`);
  const inOrder = (bodies: readonly string[]): readonly string[] =>
    bodies.toSorted((a, b) => Number(a.split(" ")[1]) - Number(b.split(" ")[1]));

  const mosquitto = findProgram("mosquitto");
  const missing = skipping(mosquitto === undefined, "the fault tests with mosquitto", "it is not installed");

  for (const protocol of ["3.1.1", "5"] as const) {
    test.skipIf(missing)(
      `mosquitto to the agent, MQTT ${protocol}: each message is handled once`,
      async ({ expect }) => {
        await using broker = await startMosquitto(mosquitto ?? "", ["max_queued_messages 0"]);
        await using proxy = await startTcpProxy({ port: broker.port });
        const bodies = createMailbox<string>();
        const config = { url: `mqtt://127.0.0.1:${proxy.port}`, protocol };
        const log = recordingLogger();
        await using agent = await startAgent(config, createMemoryKeyValue(), bodies, log);
        await using sender = await connectMqtt(broker.url);
        await waitFor("the subscription", async () => {
          await sender.client.publishAsync("n/probe", "probe -1", { qos: 2 });
          return bodies.all.length > 0;
        });
        const left = [...names];
        while (left.length > 0) {
          // Of what goes to the broker: of a PUBREC of four bytes, of the next CONNECT, or of the SUBSCRIBE after it.
          proxy.cutAfter(1 + Math.floor(Math.random() * 40));
          const round = left.splice(0, PER_ROUND);
          for (const name of round) await sender.client.publishAsync("n/1", name, { qos: 2 });
          await bodies.find((body) => body === round.at(-1));
        }
        await sender.client.publishAsync("n/1", "end 1000", { qos: 2 });
        await bodies.find((body) => body === "end 1000");
        expect(inOrder(bodies.all.filter((body) => body.startsWith("message")))).toEqual(names);
        const stats = agent.rig.provider.inboxStats?.();
        expect(stats).toMatchObject({ failures: 0, dead: [] });
        expect(stats?.stored).toBe(bodies.all.length);
        // Most of the cuts have met something.
        const losses = log.records.filter(({ message }) => message === "Lost the MQTT broker");
        expect(losses.length).toBeGreaterThan(ROUNDS / 6);
      },
    );
  }

  test("a client to the agent's broker, which is started anew in between: each message is handled once", async ({
    expect,
  }) => {
    const port = await freePort();
    await using proxy = await startTcpProxy({ port });
    const keyValue = createMemoryKeyValue();
    const bodies = createMailbox<string>();
    const config = { broker: { listen: `127.0.0.1:${port}` } };
    let agent = await startAgent(config, keyValue, bodies);
    try {
      const session = { clientId: "sender", clean: false, reconnectPeriod: 5 };
      await using sender = await connectMqtt(`mqtt://127.0.0.1:${proxy.port}`, session);
      // A session that the broker keeps: without a subscription it says that there is none.
      await sender.client.subscribeAsync("commands/sender", { qos: 1 });
      let losses = 0;
      sender.client.on("close", () => {
        losses += 1;
      });
      const left = [...names];
      for (let round = 0; left.length > 0; round += 1) {
        proxy.cutAfter(1 + Math.floor(Math.random() * 150));
        const sent = left.splice(0, PER_ROUND).map(async (name) => {
          await sender.client.publishAsync("n/1", name, { qos: 2 });
        });
        if (round % 10 === 9) {
          await agent[Symbol.asyncDispose]();
          agent = await startAgent(config, keyValue, bodies);
        }
        await Promise.all(sent);
      }
      await waitFor("the last message", () => bodies.all.includes(names.at(-1) ?? ""));
      expect(inOrder(bodies.all)).toEqual(names);
      expect(losses).toBeGreaterThan(ROUNDS / 6);
    } finally {
      await agent[Symbol.asyncDispose]();
    }
  });

  test.skipIf(missing)(
    "mosquitto killed with -9 again and again: what it still has is handled, and the counts add up",
    async ({ expect }) => {
      await using broker = await startMosquitto(mosquitto ?? "", ["autosave_interval 1", "autosave_on_changes true"]);
      const bodies = createMailbox<string>();
      await using agent = await startAgent({ url: broker.url }, createMemoryKeyValue(), bodies);
      const sent = new Set<string>();
      // Not waited for: the broker may be killed before it answers, and whoever sends has to send again.
      const publish = ({ client }: TestClient, name: string): void => {
        sent.add(name);
        client.publish("n/1", name, { qos: 2 }, () => {});
      };
      for (let round = 0; round < 6; round += 1) {
        await using sender = await connectMqtt(broker.url);
        await waitFor("the way to the agent", () => {
          publish(sender, `probe ${round}`);
          return bodies.all.includes(`probe ${round}`);
        });
        const before = bodies.all.length;
        for (const name of names.slice(round * 10, round * 10 + 10)) publish(sender, name);
        await bodies.waitFor(before + 1 + Math.floor(Math.random() * 8));
        await broker.kill();
        await broker.restart();
      }
      // What the broker took and lost has to be sent again.
      await using sender = await connectMqtt(broker.url);
      await waitFor("all messages", () => {
        const lost = [...sent].filter((name) => !bodies.all.includes(name));
        for (const name of lost) publish(sender, name);
        return lost.length === 0;
      });
      await waitFor("the inbox to be empty", () => agent.rig.provider.inboxStats?.()?.waiting === 0);
      expect(new Set(bodies.all)).toEqual(sent);
      const stats = agent.rig.provider.inboxStats?.();
      expect(stats).toMatchObject({ failures: 0, repeats: 0, dead: [] });
      expect([stats?.stored, stats?.handled]).toEqual([bodies.all.length, bodies.all.length]);
    },
  );
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
