// What local clients publish on the configured subjects goes into the outbox: once, in order, with its headers, and
// with an answer to whoever asked for one. A flood costs messages, which are counted, and never memory.

import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import { startLocalIntake } from "../../../src/adapters/lattice/local-intake.ts";
import { PetioleError } from "../../../src/domain/errors.ts";
import type { OutboxMessage, PublishReceipt } from "../../../src/domain/outbox.ts";
import { bytes, mebibytes, minutes } from "../../../src/domain/units.ts";
import { silentLogger, type LogFields, type Logger } from "../../../src/lib/log.ts";
import { startDevice } from "../../support/device.ts";
import { serverVersions, startNats } from "../../support/nats.ts";
import { createStoreFolder } from "../../support/store.ts";
import { waitFor } from "../../support/wait-for.ts";

async function ask(client: NatsConnection, subject: string, body = "x", timeout = 10_000): Promise<unknown> {
  return (await client.request(subject, body, { timeout })).json();
}

describe.each(await serverVersions())("the local intake through nats-server $name", ({ binary, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("takes messages in order with lane, lifetime and headers, while there is no hub", async ({ expect }) => {
    await using device = await startDevice({
      binary,
      hub: { urls: ["nats-leaf://127.0.0.1:1"], domain: "hub" },
      local: {
        outbox: [
          { subject: "sensors.>", lane: "standard", ttl: "1h" },
          { subject: "alarms.*", lane: "critical" },
        ],
      },
    });
    await using client = await waitFor("the server", () => connect({ servers: device.localUrl }));
    await waitFor("the intake", async () => await ask(client, "alarms.first"));
    for (let i = 0; i < 200; i++) client.publish("sensors.a.b", String(i));
    client.publish("elsewhere", "");
    client.publish("alarms.two.tokens", "");
    const extra = headers();
    extra.set("Content-Type", "text/plain");
    extra.set("nats-msg-id", "forged");
    extra.set("Petiole-Seq", "7");
    client.publish("alarms.door", "open", { headers: extra });
    expect(await ask(client, "sensors.last")).toEqual({ outcome: "durable", seq: 203 });

    const [first, ...rest] = device.published;
    expect(first).toMatchObject({ lane: "critical", subject: "alarms.first", owner: "local" });
    expect(first).not.toHaveProperty("ttl");
    expect(rest.slice(0, 200).map(({ body }) => Buffer.from(body).toString())).toEqual(
      Array.from({ length: 200 }, (_, i) => String(i)),
    );
    expect(rest[0]).toMatchObject({ lane: "standard", subject: "sensors.a.b", ttl: minutes(60), headers: {} });
    const door = device.published.find(({ subject }) => subject === "alarms.door");
    expect(door?.headers).toEqual({ "Content-Type": "text/plain" });
    expect(device.published).toHaveLength(203);
  });

  only("brings them to the hub, exactly once, and goes on after the local server was killed", async ({ expect }) => {
    await using nats = await startNats({ jetstream: true, domain: "hub", leafnodes: true, binary });
    await using device = await startDevice({
      binary,
      hub: { urls: [nats.leafUrl], domain: "hub", stream: { create: true } },
      local: { outbox: [{ subject: "sensors.>", lane: "critical" }] },
    });
    await device.until("online");
    await using cloud = await connect({ servers: nats.url });
    const arrived: string[] = [];
    cloud.subscribe("petiole.press-7.critical.>", {
      callback: (_error, message) => void arrived.push(message.string()),
    });
    await cloud.flush();
    await using client = await connect({ servers: device.localUrl, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    // The device's connection among local clients is another one than that to the hub.
    await waitFor("the intake", async () => await ask(client, "sensors.probe", "probe", 500));
    expect(await ask(client, "sensors.a", "one")).toMatchObject({ outcome: "durable" });
    const before = await device.serverPid();
    process.kill(before, "SIGKILL");
    await waitFor("another server", async () => (await device.serverPid()) !== before);
    // Until the agent's own connection is back, nobody answers.
    await waitFor("the intake", async () => await ask(client, "sensors.probe", "probe", 500));
    expect(await ask(client, "sensors.a", "two")).toMatchObject({ outcome: "durable" });
    await device.until("online");
    await waitFor("both at the hub", () => arrived.includes("two"));
    expect(arrived.filter((body) => body !== "probe")).toEqual(["one", "two"]);
  });
});

interface Refusal {
  readonly error: { readonly code: string; readonly message: string };
}

describe("startLocalIntake()", () => {
  test("passes on why the store refuses a message, from the real store", async ({ expect }) => {
    await using nats = await startNats();
    await using folder = await createStoreFolder();
    await using store = await folder.open({ maxBytes: mebibytes(1), maxMessage: bytes(1000) });
    await using connection = connectNats({ servers: [nats.url], name: "agent", log: silentLogger });
    await using intake = startLocalIntake({
      connection,
      routes: [{ subject: "sensors.>", lane: "critical" }],
      outbox: store.outbox,
      log: silentLogger,
    });
    await using client = await connect({ servers: nats.url });
    const first = (await waitFor("the intake", async () => await ask(client, "sensors.a"))) as PublishReceipt;
    expect(first.outcome).toBe("durable");
    const refusal = (await ask(client, "sensors.b", "y".repeat(5000))) as Refusal;
    expect(refusal.error.code).toBe("ERR_OUTBOX_TOO_LARGE");
    expect(refusal.error.message).toContain("at most 1000 bytes");
    expect(intake.counts()).toEqual({ accepted: 1, refused: 1, dropped: 0 });
    expect((await store.outbox.stats()).lastSeq).toBeGreaterThanOrEqual(first.seq);
  });

  test("holds at most so many, tells those it does not take, and says so once in the log", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = connectNats({ servers: [nats.url], name: "agent", log: silentLogger });
    const warnings: LogFields[] = [];
    const log: Logger = { ...silentLogger, warn: (_message, fields = {}) => void warnings.push(fields) };
    const release = Promise.withResolvers<void>();
    const offered: OutboxMessage[] = [];
    const intake = startLocalIntake({
      connection,
      routes: [{ subject: "sensors.>", lane: "standard" }],
      outbox: {
        publish: async (message) => {
          offered.push(message);
          await release.promise;
          if (message.subject === "sensors.bad") throw new PetioleError("ERR_OUTBOX_FULL", "it is full");
          if (message.subject === "sensors.odd") throw new Error("a fault with secrets in it");
          return { outcome: "buffered", seq: offered.length };
        },
      },
      log,
      limit: { messages: 5, bytes: bytes(1000) },
    });
    await using client = await connect({ servers: nats.url });
    await waitFor("the connection", () => connection.state().connected);
    await connection.current()?.flush();
    const answers = ["bad", "odd", "a", "b", "c"].map((name) => ask(client, `sensors.${name}`));
    for (let i = 0; i < 50; i++) client.publish("sensors.flood", "");
    const late = (await ask(client, "sensors.late")) as Refusal;
    expect(late.error.code).toBe("ERR_OUTBOX_FULL");
    expect(offered).toHaveLength(5);
    release.resolve();
    expect(await Promise.all(answers)).toEqual([
      { error: { code: "ERR_OUTBOX_FULL", message: "it is full" } },
      { error: { code: "ERR_INVARIANT", message: "The agent failed; its log says why" } },
      ...[5, 5, 5].map((seq) => ({ outcome: "buffered", seq })),
    ]);
    expect(intake.counts()).toEqual({ accepted: 3, refused: 2, dropped: 51 });
    expect(warnings).toHaveLength(1);
    await intake[Symbol.asyncDispose]();
    client.publish("sensors.late", "");
    await client.flush();
    await connection.current()?.flush();
    expect(offered).toHaveLength(5);
  });

  test("counts bytes as well, and takes one message of any size", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = connectNats({ servers: [nats.url], name: "agent", log: silentLogger });
    const release = Promise.withResolvers<void>();
    let offered = 0;
    await using intake = startLocalIntake({
      connection,
      routes: [{ subject: "sensors.>", lane: "standard" }],
      outbox: {
        publish: async () => {
          offered += 1;
          await release.promise;
          return { outcome: "buffered", seq: offered };
        },
      },
      log: silentLogger,
      limit: { messages: 5, bytes: bytes(1000) },
    });
    await using client = await connect({ servers: nats.url });
    await waitFor("the connection", () => connection.state().connected);
    await connection.current()?.flush();
    client.publish("sensors.a", "x".repeat(5000));
    client.publish("sensors.b", "x");
    await client.flush();
    await waitFor("the refusal", () => intake.counts().dropped === 1);
    expect(offered).toBe(1);
    release.resolve();
  });
});
