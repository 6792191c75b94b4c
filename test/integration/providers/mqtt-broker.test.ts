// Pins what clients may rely on from the embedded MQTT broker: who is let in and what for, and what is there after a restart.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "mqtt";
import { describe, test } from "vitest";
import { hashPassword } from "../../../providers/mqtt/password.ts";
import type { KeyValueStore } from "../../../src/provider/services.ts";
import { createAuthority } from "../../support/certificates.ts";
import { connectMqtt, findProgram } from "../../support/mqtt.ts";
import { startMqttProvider, type MqttRig } from "../../support/mqtt-provider.ts";
import { recordingLogger } from "../../support/provider-rig.ts";
import { skipping } from "../../support/skip.ts";
import { createStoreFolder } from "../../support/store.ts";
import { waitFor } from "../../support/wait-for.ts";

const start = async (broker: object = {}, options: { keyValue?: KeyValueStore } = {}): Promise<MqttRig> =>
  await startMqttProvider({ broker: { listen: "127.0.0.1:0", ...broker }, link_grace: "50ms" }, options);

const openssl = findProgram("openssl");

describe("embedded MQTT broker: rights", () => {
  test("users with hashed passwords may do what their topics allow", async ({ expect }) => {
    const hash = await hashPassword(Buffer.from("secret"), Buffer.from("salt for it!"));
    const users = [
      { username: "sensor", password_hash: hash, publish: ["sensors/%c/#"], subscribe: ["commands/%u/+"] },
      { username: "panel", password_hash: hash },
    ];
    await using rig = await start({
      users,
      allow_anonymous: true,
      anonymous: { publish: [], subscribe: ["public/#"] },
    });
    const login = { username: "sensor", password: "secret", clientId: "s1" };
    await expect(connectMqtt(rig.url, { ...login, password: "wrong" })).rejects.toThrow(/not authorized/i);
    await expect(connectMqtt(rig.url, { ...login, username: "nobody" })).rejects.toThrow(/not authorized/i);

    await using panel = await connectMqtt(rig.url, { ...login, username: "panel", clientId: "p" });
    await panel.client.subscribeAsync("#", { qos: 1 });
    await using sensor = await connectMqtt(rig.url, login);
    await sensor.client.subscribeAsync("commands/sensor/+", { qos: 1 });
    for (const refused of ["commands/#", "commands/other/a", "#", "$share/g/commands/sensor/a"]) {
      await expect(sensor.client.subscribeAsync(refused, { qos: 1 })).rejects.toThrow();
    }
    await sensor.client.publishAsync("sensors/s1/temp", "21", { qos: 1 });
    expect((await panel.received.waitFor(1))[0]?.topic).toBe("sensors/s1/temp");
    const closed = new Promise<void>((resolve) => sensor.client.once("close", () => resolve()));
    sensor.client.publish("sensors/s2/temp", "21", { qos: 1 });
    await closed;

    await using nobody = await connectMqtt(rig.url);
    await nobody.client.subscribeAsync("public/a");
    await expect(nobody.client.subscribeAsync("sensors/#")).rejects.toThrow();
    await panel.client.publishAsync("end", "", { qos: 1 });
    await panel.received.find(({ topic }) => topic === "end");
    expect(panel.received.all.map(({ topic }) => topic)).toEqual(["sensors/s1/temp", "end"]);
  });

  test("a client whose name holds wildcards has no right that is made of it", async ({ expect }) => {
    await using rig = await start({ anonymous: { publish: ["sensors/%c/#"], subscribe: [] } });
    await using plain = await connectMqtt(rig.url, { clientId: "s1" });
    await plain.client.publishAsync("sensors/s1/a", "x", { qos: 1 });
    await using sly = await connectMqtt(rig.url, { clientId: "+" });
    const closed = new Promise<void>((resolve) => sly.client.once("close", () => resolve()));
    sly.client.publish("sensors/s1/a", "x", { qos: 1 });
    await closed;
    expect(sly.client.connected).toBe(false);
  });

  test("who comes with the identifier of somebody else gets nothing of its session", async ({ expect }) => {
    const user = (username: string, subscribe: readonly string[]) => ({ username, password: username, subscribe });
    await using rig = await start({ users: [user("owner", ["#"]), user("guest", ["guest/#"])] });
    const login = (username: string) => ({ username, password: username });
    await using panel = await connectMqtt(rig.url, { ...login("owner"), clientId: "panel" });
    const session = { clientId: "shared", clean: false };
    {
      await using owner = await connectMqtt(rig.url, { ...login("owner"), ...session });
      await owner.client.subscribeAsync("private/#", { qos: 1 });
    }
    await panel.client.publishAsync("private/kept", "x", { qos: 1 });
    const topics: string[] = [];
    await using stack = new AsyncDisposableStack();
    // Listens before it is let in: what is kept comes at once.
    const guest = stack.adopt(connect(rig.url, { ...login("guest"), ...session, reconnectPeriod: 0 }), (client) =>
      client.endAsync(true),
    );
    guest.on("message", (topic) => topics.push(topic));
    await guest.subscribeAsync("guest/#", { qos: 1 });
    await panel.client.publishAsync("private/now", "x", { qos: 1 });
    await panel.client.publishAsync("guest/end", "x", { qos: 1 });
    await waitFor("the last message", () => topics.includes("guest/end"));
    expect(topics).toEqual(["guest/end"]);
  });

  test("no more clients than allowed are let in", async ({ expect }) => {
    await using rig = await start({ max_clients: 1 });
    await using _one = await connectMqtt(rig.url);
    await expect(connectMqtt(rig.url)).rejects.toThrow();
  });

  test.skipIf(skipping(openssl === undefined, "the embedded MQTT broker with TLS", "openssl is not installed"))(
    "speaks TLS, and lets in who has a certificate of its authority",
    async ({ expect }) => {
      const folder = await mkdtemp(join(tmpdir(), "petiole-mqtt-broker-"));
      try {
        const authority = await createAuthority(folder);
        const server = await authority.server("localhost");
        const client = await authority.client("panel");
        const tls = { cert_file: server.cert, key_file: server.key, client_ca_file: authority.ca };
        await using rig = await start({ tls });
        const url = rig.url.replace("mqtt://127.0.0.1", "mqtts://localhost");
        const ca = readFileSync(authority.ca);
        await expect(connectMqtt(url, { ca })).rejects.toThrow();
        await expect(connectMqtt(rig.url, { connectTimeout: 2000 })).rejects.toThrow();
        await using known = await connectMqtt(url, {
          ca,
          cert: readFileSync(client.cert),
          key: readFileSync(client.key),
        });
        await known.client.publishAsync("a", "x", { qos: 1 });
        await writeFile(join(folder, "broken.pem"), "nothing");
        const broken = start({ tls: { ...tls, cert_file: join(folder, "broken.pem") } });
        await expect(broken).rejects.toMatchObject({ code: "ERR_PROVIDER_START" });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});

describe("embedded MQTT broker: what it keeps", () => {
  const SESSION = { clientId: "panel", clean: false } as const;

  test("sessions and retained messages are there after a restart, once and in order", async ({ expect }) => {
    await using folder = await createStoreFolder();
    {
      await using store = await folder.open();
      await using rig = await start({}, { keyValue: store.keyValue });
      {
        await using panel = await connectMqtt(rig.url, SESSION);
        await panel.client.subscribeAsync({ "alarms/+": { qos: 1 }, "orders/#": { qos: 2 } });
      }
      await using sensor = await connectMqtt(rig.url);
      for (const n of ["1", "2", "3"]) await sensor.client.publishAsync("alarms/a", n, { qos: 1 });
      await sensor.client.publishAsync("orders/1", "4", { qos: 2 });
      await sensor.client.publishAsync("state", "on", { qos: 1, retain: true });
      await sensor.client.publishAsync("gone", "on", { qos: 1, retain: true });
      await sensor.client.publishAsync("gone", "", { qos: 1, retain: true });
      await sensor.client.publishAsync("alarms/a", "0", { qos: 0 });
    }
    {
      await using store = await folder.open();
      await using rig = await start({}, { keyValue: store.keyValue });
      await using panel = await connectMqtt(rig.url, SESSION);
      const got = await panel.received.waitFor(4);
      expect(got.map(({ payload, qos }) => [payload.toString(), qos])).toEqual([
        ["1", 1],
        ["2", 1],
        ["3", 1],
        ["4", 2],
      ]);
      await using other = await connectMqtt(rig.url);
      await other.client.subscribeAsync("#", { qos: 1 });
      await other.client.publishAsync("alarms/end", "end", { qos: 1 });
      await other.received.find(({ topic }) => topic === "alarms/end");
      expect(other.received.all.map(({ topic }) => topic)).toEqual(["state", "alarms/end"]);
      await panel.received.waitFor(5);
    }
    await using store = await folder.open();
    await using rig = await start({}, { keyValue: store.keyValue });
    await using panel = await connectMqtt(rig.url, SESSION);
    await panel.client.publishAsync("alarms/end", "again", { qos: 1 });
    await panel.received.find(({ payload }) => payload.toString() === "again");
    expect(panel.received.all.map(({ payload }) => payload.toString())).toEqual(["again"]);
  });

  test("a session holds so much and no more, and a client without one is told so", async ({ expect }) => {
    const log = recordingLogger();
    const config = {
      broker: { listen: "127.0.0.1:0", sessions: { max: 1, max_messages: 2 }, max_retained: 1 },
      link_grace: "50ms",
    };
    await using rig = await startMqttProvider(config, { log });
    {
      await using panel = await connectMqtt(rig.url, SESSION);
      await panel.client.subscribeAsync("alarms/+", { qos: 1 });
    }
    await expect(connectMqtt(rig.url, { clientId: "other", clean: false })).rejects.toThrow(/unavailable/i);
    await using sensor = await connectMqtt(rig.url);
    for (const n of ["1", "2", "3", "4"]) await sensor.client.publishAsync("alarms/a", n, { qos: 1, retain: n > "2" });
    await sensor.client.publishAsync("alarms/b", "5", { qos: 0, retain: true });
    const dropped = log.records.filter(({ message }) => message.startsWith("Too many messages wait")).at(-1);
    expect(dropped?.fields).toMatchObject({ client: "panel", dropped: 2 });
    await using panel = await connectMqtt(rig.url, SESSION);
    expect((await panel.received.waitFor(2)).map(({ payload }) => payload.toString())).toEqual(["1", "2"]);
    await using late = await connectMqtt(rig.url);
    await late.client.subscribeAsync("alarms/+", { qos: 1 });
    await late.client.publishAsync("alarms/end", "", { qos: 1 });
    await late.received.find(({ topic }) => topic === "alarms/end");
    expect(late.received.all.map(({ topic }) => topic)).toEqual(["alarms/a", "alarms/end"]);
  });

  test("a session ends when its client asks for a clean one, or stays away for too long", async ({ expect }) => {
    await using rig = await start({ sessions: { max: 1, expiry: "50ms" } });
    const subscribe = async (clean: boolean, clientId: string): Promise<void> => {
      await using client = await connectMqtt(rig.url, { clientId, clean });
      await client.client.subscribeAsync("a", { qos: 1 });
    };
    await subscribe(false, "one");
    await subscribe(true, "one");
    await subscribe(false, "two");
    await waitFor("the session to expire", async () => {
      await subscribe(false, "three");
      return true;
    });
    expect(rig.provider.brokerPort).toBeGreaterThan(0);
  });
});
