// Pins the delivery promises of the MQTT provider: a message is acknowledged only after the component has taken it, and
// what comes while the agent is away or the broker is down arrives later, on real brokers and connections.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MqttClient } from "mqtt";
import { describe, test } from "vitest";
import { WitError } from "../../../src/domain/errors.ts";
import { mqttSuite } from "../../conformance/mqtt/suite.ts";
import { messagingSuite } from "../../conformance/messaging/suite.ts";
import { createMailbox } from "../../support/mailbox.ts";
import { connectMqtt, findProgram, startMosquitto, type TestBroker } from "../../support/mqtt.ts";
import { startMqttProvider, type MqttRig, type MqttRigOptions } from "../../support/mqtt-provider.ts";
import { recordingLogger, type BoundLink } from "../../support/provider-rig.ts";
import { skipping } from "../../support/skip.ts";
import { waitFor } from "../../support/wait-for.ts";

const CONSUMER = "wasmcloud:messaging/consumer";
const EMBEDDED = { broker: { listen: "127.0.0.1:0" }, link_grace: "50ms" };

/** With delays that suit a test. */
const REMOTE = {
  client_id: "gateway",
  keep_alive: "5s",
  link_grace: "50ms",
  reconnect: { initial: "10ms", max: "50ms" },
};

interface BrokerMessage {
  readonly subject: string;
  readonly body: Uint8Array;
}

const startEmbedded = async (config: object = {}, options: MqttRigOptions = {}): Promise<MqttRig> =>
  await startMqttProvider({ ...EMBEDDED, ...config }, options);

messagingSuite({
  name: "the embedded MQTT broker",
  syntax: "mqtt",
  requests: false,
  create: async () => ({ ...(await startEmbedded()), settled: async () => {} }),
});

mqttSuite({
  name: "the embedded broker",
  properties: false,
  create: async () => {
    const rig = await startEmbedded();
    return { rig, url: rig.url, [Symbol.asyncDispose]: async () => await rig[Symbol.asyncDispose]() };
  },
});

/** Resolves with "acknowledged" or the reason why it never was. */
async function publish(client: MqttClient, topic: string, body: string, qos: 1 | 2): Promise<string> {
  const closed = new Promise<string>((resolve) => client.once("close", () => resolve("closed")));
  const acknowledged = client.publishAsync(topic, body, { qos }).then(
    () => "acknowledged",
    () => "closed",
  );
  return await Promise.race([acknowledged, closed]);
}

describe("embedded MQTT broker", () => {
  for (const qos of [1, 2] as const) {
    test(`acknowledges QoS ${qos} only after the component has taken the message`, async ({ expect }) => {
      await using rig = await startEmbedded();
      const order = createMailbox<string>();
      const gate = Promise.withResolvers<void>();
      const entered = Promise.withResolvers<void>();
      await using _link = await rig.bind({
        config: { subscriptions: [{ topic: "sensors/+", qos }], acknowledge: "handled" },
        handler: async () => {
          entered.resolve();
          await gate.promise;
          order.put("handled");
        },
      });
      await using sensor = await connectMqtt(rig.url);
      sensor.client.on("packetreceive", ({ cmd }) => {
        if (cmd === "puback" || cmd === "pubrec") order.put(cmd);
      });
      const outcome = publish(sensor.client, "sensors/1", "21.5", qos);
      await entered.promise;
      // A round trip on another connection: an acknowledgement sent too early would be here by now.
      await using other = await connectMqtt(rig.url);
      await other.client.publishAsync("elsewhere", "x", { qos: 1 });
      expect(order.all).toEqual([]);
      gate.resolve();
      expect(await outcome).toBe("acknowledged");
      expect(order.all).toEqual(["handled", qos === 1 ? "puback" : "pubrec"]);
    });
  }

  test("does not acknowledge what the component had not taken when its link ended", async ({ expect }) => {
    await using rig = await startEmbedded({ link_grace: "10s" });
    const taken = createMailbox<string>();
    const entered = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const config = {
      acknowledge: "handled",
      subscriptions: [{ topic: "sensors/+" }],
      retry: { initial: "1ms", max: "1ms", attempts: 100 },
    };
    const link = await rig.bind({
      config,
      handler: async () => {
        entered.resolve();
        await gate.promise;
        throw new WitError("not now");
      },
    });
    await using sensor = await connectMqtt(rig.url);
    const outcome = publish(sensor.client, "sensors/1", "21.5", 1);
    await entered.promise;
    const ending = link[Symbol.asyncDispose]();
    gate.resolve();
    await ending;
    expect(await outcome).toBe("closed");

    // The sensor sends again, and what it sends waits for the component's successor.
    await using again = await connectMqtt(rig.url);
    const second = publish(again.client, "sensors/1", "21.5", 1);
    await using _successor = await rig.bind({
      config,
      handler: (_name, args) => taken.put(Buffer.from((args[0] as BrokerMessage).body).toString()),
    });
    expect(await second).toBe("acknowledged");
    expect(taken.all).toEqual(["21.5"]);
  });

  test("a sensor that leaves while its message is held repeats it later; nobody else is disturbed", async ({
    expect,
  }) => {
    await using rig = await startEmbedded();
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const taken = createMailbox<string>();
    await using _link = await rig.bind({
      config: { subscriptions: [{ topic: "sensors/+" }], acknowledge: "handled" },
      handler: async (_name, args) => {
        entered.resolve();
        await gate.promise;
        taken.put((args[0] as BrokerMessage).subject);
      },
    });
    const leaving = await connectMqtt(rig.url);
    const outcome = publish(leaving.client, "sensors/1", "21.5", 1);
    await entered.promise;
    await leaving[Symbol.asyncDispose]();
    expect(await outcome).toBe("closed");
    gate.resolve();
    await using again = await connectMqtt(rig.url);
    expect(await publish(again.client, "sensors/1", "21.5", 1)).toBe("acknowledged");
    expect(taken.all).toEqual(["sensors/1", "sensors/1"]);
  });

  test("a subscriber that does not read does not hold up the component", async ({ expect }) => {
    await using rig = await startEmbedded();
    await using link = await rig.bind({});
    await using stuck = await connectMqtt(rig.url);
    await stuck.client.subscribeAsync("big", { qos: 1 });
    stuck.client.stream.pause();
    const body = Buffer.alloc(200 * 1024);
    const send = async (): Promise<unknown> => await link.call(CONSUMER, "publish", { subject: "big", body });
    // Far more than the sockets between take, and then more than may be on its way.
    const outcomes = await Promise.allSettled(Array.from({ length: 300 }, send));
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ reason: { payload: expect.stringMatching(/^full:/) as string } });
  });

  test("tries again while the component answers err, and lets go at the limit", async ({ expect }) => {
    await using rig = await startEmbedded();
    const tries = createMailbox<string>();
    await using _link = await rig.bind({
      config: {
        subscriptions: [{ topic: "#" }],
        acknowledge: "handled",
        retry: { attempts: 3, initial: "1ms", max: "2ms" },
      },
      handler: (_name, args) => {
        const { subject } = args[0] as BrokerMessage;
        tries.put(subject);
        if (subject === "never" || (subject === "second" && tries.all.filter((s) => s === subject).length < 2)) {
          throw new WitError("not now");
        }
      },
    });
    await using sensor = await connectMqtt(rig.url);
    expect(await publish(sensor.client, "second", "x", 1)).toBe("acknowledged");
    expect(await publish(sensor.client, "never", "x", 1)).toBe("acknowledged");
    expect(await publish(sensor.client, "first", "x", 2)).toBe("acknowledged");
    expect(tries.all).toEqual(["second", "second", "never", "never", "never", "first"]);
  });

  test("serves other MQTT clients, with retained messages", async ({ expect }) => {
    await using rig = await startEmbedded();
    await using link = await rig.bind({ config: { publish: { qos: 1, retain: true } } });
    await link.call(CONSUMER, "publish", { subject: "state/lamp", body: Buffer.from("on") });
    await using panel = await connectMqtt(rig.url);
    await panel.client.subscribeAsync("state/#", { qos: 1 });
    const [kept] = await panel.received.waitFor(1);
    expect([kept?.topic, kept?.payload.toString(), kept?.retain]).toEqual(["state/lamp", "on", true]);
    await link.call(CONSUMER, "publish", { subject: "state/lamp", body: Buffer.from("off") });
    expect((await panel.received.waitFor(2))[1]?.payload.toString()).toBe("off");
    const seen = createMailbox<string>();
    await using _late = await rig.bind({
      config: { subscriptions: [{ topic: "state/+" }] },
      handler: (_name, args) => seen.put(Buffer.from((args[0] as BrokerMessage).body).toString()),
    });
    expect(await seen.waitFor(1)).toEqual(["off"]);
  });

  test("lets in only its users", async ({ expect }) => {
    const folder = await mkdtemp(join(tmpdir(), "petiole-mqtt-users-"));
    try {
      const password_file = join(folder, "sensor");
      await writeFile(password_file, "secret\n");
      const users = [{ username: "sensor", password_file }];
      await using rig = await startEmbedded({ broker: { listen: "127.0.0.1:0", users } });
      await expect(connectMqtt(rig.url)).rejects.toThrow(/not authorized/i);
      await expect(connectMqtt(rig.url, { username: "sensor", password: "wrong" })).rejects.toThrow(/not authorized/i);
      await using sensor = await connectMqtt(rig.url, { username: "sensor", password: "secret" });
      expect(sensor.client.connected).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("stops although somebody has connected and says nothing", async ({ expect }) => {
    const rig = await startEmbedded();
    const { hostname, port } = new URL(rig.url);
    const silent = connect(Number(port), hostname);
    await once(silent, "connect");
    await Promise.all([rig[Symbol.asyncDispose](), once(silent, "close")]);
    expect(silent.destroyed).toBe(true);
  });

  test("start() fails with ERR_PROVIDER_START when the port is taken", async ({ expect }) => {
    await using rig = await startEmbedded();
    const listen = new URL(rig.url).host;
    await expect(startMqttProvider({ broker: { listen } })).rejects.toMatchObject({
      code: "ERR_PROVIDER_START",
    });
  });
});

const mosquitto = findProgram("mosquitto");
const openssl = findProgram("openssl");
const withoutMosquitto = skipping(mosquitto === undefined, "the MQTT tests with mosquitto", "it is not installed");
describe.skipIf(withoutMosquitto)("with mosquitto, where it is installed", () => {
  testElsewhere(mosquitto ?? "mosquitto");
});

/** Until the broker has the subscriptions, by what it says when it is told to say all, and `out` can publish. */
async function settled(
  broker: TestBroker,
  out: BoundLink,
  subscriptions: readonly string[],
  protocol: "3.1.1" | "5" = "3.1.1",
): Promise<void> {
  const filters = protocol === "5" ? [...subscriptions, "petiole/gateway/answers/+"] : subscriptions;
  await waitFor(`subscriptions to ${filters.join(", ")}`, () => {
    const said = broker.output();
    return filters.every((filter) => said.includes(`\t${filter} (QoS`));
  });
  await waitFor("publishing", async () => {
    await out.call(CONSUMER, "publish", { subject: "probe", body: new Uint8Array() });
    return true;
  });
}

/** An authority `name` and a certificate of it for localhost, as files in `folder`. */
function makeCertificates(folder: string, name: string): string {
  const request = (...args: readonly string[]) =>
    execFileSync(openssl ?? "", ["req", "-x509", "-days", "2", ...args], { cwd: folder, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  request(...key, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`);
  const files = ["-keyout", `${name}-localhost.key`, "-out", `${name}-localhost.pem`];
  const signed = ["-CA", `${name}.pem`, "-CAkey", `${name}.key`, "-addext", "subjectAltName=DNS:localhost"];
  request(...key, "-subj", "/CN=localhost", ...files, ...signed);
  return name;
}

function testElsewhere(binary: string): void {
  for (const protocol of ["3.1.1", "5"] as const) {
    messagingSuite({
      name: `mosquitto with MQTT ${protocol}`,
      syntax: "mqtt",
      requests: protocol === "5",
      create: async () => {
        const broker = await startMosquitto(binary, ["log_type all"]);
        const rig = await startMqttProvider({ url: broker.url, protocol, ...REMOTE });
        const out = await rig.bind({});
        return {
          provider: rig.provider,
          settled: async (subscriptions) => await settled(broker, out, subscriptions, protocol),
          async [Symbol.asyncDispose]() {
            await rig[Symbol.asyncDispose]();
            await broker[Symbol.asyncDispose]();
          },
        };
      },
    });
  }

  for (const protocol of ["3.1.1", "5"] as const) {
    mqttSuite({
      name: `mosquitto with MQTT ${protocol}`,
      properties: protocol === "5",
      create: async () => {
        const broker = await startMosquitto(binary);
        const rig = await startMqttProvider({ url: broker.url, protocol, ...REMOTE });
        return {
          rig,
          url: broker.url,
          async [Symbol.asyncDispose]() {
            await rig[Symbol.asyncDispose]();
            await broker[Symbol.asyncDispose]();
          },
        };
      },
    });
  }

  describe("MQTT broker elsewhere", () => {
    const bodies = () => {
      const box = createMailbox<string>();
      const handler = (_name: string, args: readonly unknown[]): void => {
        box.put(Buffer.from((args[0] as BrokerMessage).body).toString());
      };
      return { box, handler };
    };

    for (const [protocol, qos, acknowledgement] of [
      ["3.1.1", 1, "PUBACK"],
      ["3.1.1", 2, "PUBREC"],
      ["5", 1, "PUBACK"],
      ["5", 2, "PUBREC"],
    ] as const) {
      test(`MQTT ${protocol}: ${acknowledgement} is sent only after the component has taken the message`, async ({
        expect,
      }) => {
        await using broker = await startMosquitto(binary, ["log_type all"]);
        await using rig = await startMqttProvider({ url: broker.url, protocol, ...REMOTE });
        const gate = Promise.withResolvers<void>();
        const entered = Promise.withResolvers<void>();
        await using out = await rig.bind({});
        await using _link = await rig.bind({
          config: { subscriptions: [{ topic: "sensors/+", qos }], acknowledge: "handled" },
          handler: async () => {
            entered.resolve();
            await gate.promise;
          },
        });
        await settled(broker, out, ["sensors/+"], protocol);
        await using sensor = await connectMqtt(broker.url);
        await sensor.client.publishAsync("sensors/1", "21.5", { qos });
        await entered.promise;
        // A publish of our own and its acknowledgement go by while the message is held.
        await out.call(CONSUMER, "publish", { subject: "elsewhere", body: Buffer.from("x") });
        expect(broker.output()).not.toContain(`Received ${acknowledgement} from gateway `);
        gate.resolve();
        await waitFor(acknowledgement, () => broker.output().includes(`Received ${acknowledgement} from gateway `));
      });
    }

    test("what comes while the agent is away arrives when it is back, before its components are", async ({
      expect,
    }) => {
      await using broker = await startMosquitto(binary, ["log_type all"]);
      const config = { url: broker.url, ...REMOTE, link_grace: "10s" };
      const subscriptions = [{ topic: "sensors/+", qos: 1 }];
      const first = await startMqttProvider(config);
      await using out = await first.bind({});
      const link = await first.bind({ config: { subscriptions }, handler: () => {} });
      await settled(broker, out, ["sensors/+"]);
      // In the order in which the host stops.
      await link[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();

      await using sensor = await connectMqtt(broker.url);
      for (const body of ["1", "2", "3"]) await sensor.client.publishAsync("sensors/1", body, { qos: 1 });

      await using second = await startMqttProvider(config);
      await using _other = await second.bind({ config: { subscriptions: [{ topic: "other" }] }, handler: () => {} });
      await waitFor("the held message", () => /Sending PUBLISH to gateway /.test(broker.output()));
      const { box, handler } = bodies();
      await using _link = await second.bind({ config: { subscriptions }, handler });
      expect(await box.waitFor(3)).toEqual(["1", "2", "3"]);
    });

    test("a broker that was down is found again; meanwhile publish fails with err", async ({ expect }) => {
      await using broker = await startMosquitto(binary, ["log_type all"]);
      await using rig = await startMqttProvider({ url: broker.url, ...REMOTE });
      const { box, handler } = bodies();
      await using _link = await rig.bind({ config: { subscriptions: [{ topic: "n" }] }, handler });
      await using out = await rig.bind({});
      await settled(broker, out, ["n"]);
      const send = async (body: string) =>
        await out.call(CONSUMER, "publish", { subject: "n", body: Buffer.from(body) });
      for (const round of [1, 2, 3]) {
        await send(`${round}`);
        await box.waitFor(round);
        await broker.kill();
        await waitFor("publish to fail", async () => {
          try {
            await send("lost");
            return false;
          } catch (error) {
            return error instanceof WitError && String(error.payload).startsWith("unreachable:");
          }
        });
        await broker.restart();
        await settled(broker, out, ["n"]);
      }
      expect(box.all).toEqual(["1", "2", "3"]);
    });

    test("a subscription ends at the broker when its link is gone for longer than the grace", async ({ expect }) => {
      await using broker = await startMosquitto(binary, ["log_type all"]);
      await using rig = await startMqttProvider({ url: broker.url, ...REMOTE });
      await using out = await rig.bind({});
      const keep = await rig.bind({ config: { subscriptions: [{ topic: "keep" }] }, handler: () => {} });
      await using _keep = keep;
      const link = await rig.bind({
        config: { subscriptions: [{ topic: "keep" }, { topic: "go" }] },
        handler: () => {},
      });
      await settled(broker, out, ["keep", "go"]);
      await link[Symbol.asyncDispose]();
      await waitFor("UNSUBSCRIBE", () => broker.output().includes("Sending UNSUBACK to gateway"));
      const after = broker.output().split("Received UNSUBSCRIBE from gateway")[1] ?? "";
      expect(after).toContain("\tgo");
      expect(after).not.toContain("\tkeep");
    });

    test("a broker that answers no more is given up, and what waited fails with err", async ({ expect }) => {
      await using broker = await startMosquitto(binary, ["log_type all"]);
      await using rig = await startMqttProvider({ url: broker.url, ...REMOTE });
      await using out = await rig.bind({});
      await settled(broker, out, []);
      broker.freeze();
      await expect(out.call(CONSUMER, "publish", { subject: "n", body: Buffer.from("x") })).rejects.toMatchObject({
        payload: expect.stringMatching(/^unreachable:/) as string,
      });
      broker.thaw();
    });

    test.skipIf(skipping(openssl === undefined, "the MQTT tests with TLS", "openssl is not installed"))(
      "TLS with a private authority and a client certificate; another authority is refused",
      async ({ expect }) => {
        const folder = await mkdtemp(join(tmpdir(), "petiole-mqtt-tls-"));
        try {
          const path = (name: string): string => join(folder, name);
          const [trusted, other] = [makeCertificates(folder, "trusted"), makeCertificates(folder, "other")];
          await using broker = await startMosquitto(binary, [
            "log_type all",
            `cafile ${path(`${trusted}.pem`)}`,
            `certfile ${path("trusted-localhost.pem")}`,
            `keyfile ${path("trusted-localhost.key")}`,
            "require_certificate true",
          ]);
          const config = {
            ...REMOTE,
            url: `mqtts://localhost:${broker.port}`,
            tls: {
              ca_file: path(`${trusted}.pem`),
              cert_file: path("trusted-localhost.pem"),
              key_file: path("trusted-localhost.key"),
            },
          };
          await using rig = await startMqttProvider(config);
          await using out = await rig.bind({});
          await settled(broker, out, []);
          await out.call(CONSUMER, "publish", { subject: "n", body: Buffer.from("x") });

          const log = recordingLogger();
          const distrusting = { ...config, client_id: "second", tls: { ...config.tls, ca_file: path(`${other}.pem`) } };
          await using refusing = await startMqttProvider(distrusting, { log });
          await using _out = await refusing.bind({});
          await waitFor("the refusal", () =>
            log.records.some(
              ({ message, fields }) =>
                message.startsWith("Cannot connect") && /certificate/.test(String(fields["err"])),
            ),
          );
          expect(broker.output()).not.toContain("second-publisher");
        } finally {
          await rm(folder, { recursive: true });
        }
      },
    );

    test("start() fails with ERR_PROVIDER_START when the password file cannot be read", async ({ expect }) => {
      const config = { url: "mqtt://127.0.0.1:1", username: "a", password_file: "/nonexistent/password" };
      await expect(startMqttProvider(config)).rejects.toMatchObject({ code: "ERR_PROVIDER_START" });
    });
  });
}
