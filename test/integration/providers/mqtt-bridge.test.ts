// Pins what the rules of an MQTT provider carry between a broker and the lattice, and that nothing is lost on the way while
// one of them is away.

import { describe, test } from "vitest";
import { createMemoryBus } from "../../../providers/messaging/memory-bus.ts";
import { PetioleError } from "../../../src/domain/errors.ts";
import type { OutboxMessage } from "../../../src/domain/outbox.ts";
import { mebibytes } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { HostServices, Outbox } from "../../../src/provider/services.ts";
import { openTestInbox } from "../../support/inbox.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { connectMqtt, findProgram, startMosquitto } from "../../support/mqtt.ts";
import { startMqttProvider } from "../../support/mqtt-provider.ts";
import { skipping } from "../../support/skip.ts";
import { createStoreFolder } from "../../support/store.ts";
import { waitFor } from "../../support/wait-for.ts";

const LISTEN = { broker: { listen: "127.0.0.1:0" }, link_grace: "50ms" };
const QUICK = { reconnect: { initial: "5ms", max: "20ms" }, link_grace: "50ms", keep_alive: "5s" };

/** An outbox that can be full, and what it took. */
function createRecordingOutbox(): { readonly outbox: Outbox; readonly taken: Mailbox<OutboxMessage>; full: boolean } {
  const taken = createMailbox<OutboxMessage>();
  const state = { full: false };
  const unused = async (): Promise<never> => await Promise.reject(new Error("not of use here"));
  return {
    taken,
    get full() {
      return state.full;
    },
    set full(full) {
      state.full = full;
    },
    outbox: {
      publish: async (message) => {
        if (message.body.length > 1000) throw new PetioleError("ERR_OUTBOX_TOO_LARGE", "too large");
        if (state.full) throw new PetioleError("ERR_OUTBOX_FULL", "full");
        taken.put(message);
        return { outcome: "durable", seq: taken.all.length };
      },
      stats: unused,
      ledger: unused,
    },
  };
}

const textOf = ({ body }: OutboxMessage): string => Buffer.from(body).toString();

describe("from MQTT to the lattice", () => {
  test("what a client publishes is in the store's outbox when it is acknowledged", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const bridge = { out: [{ topic: "sensors/#", prefix: "floor", lane: "standard", ttl: "1h" }] };
    {
      await using store = await folder.open();
      const services = { outbox: store.outbox, keyValue: store.keyValue };
      await using rig = await startMqttProvider({ ...LISTEN, bridge }, { services });
      await using sensor = await connectMqtt(rig.url);
      for (const n of ["1", "2"]) await sensor.client.publishAsync("sensors/1.5/a b", n, { qos: 1 });
      await sensor.client.publishAsync("other", "x", { qos: 1 });
      await sensor.client.publishAsync("sensors/q2", "3", { qos: 2 });
    }
    await using store = await folder.open();
    const rows = await store.outbox.read("standard", 0, { rows: 10, bytes: mebibytes(1) });
    expect(rows.map(({ subject, owner }) => [subject, owner])).toEqual([
      ["floor.sensors.1%2E5.a%20b", "under-test"],
      ["floor.sensors.1%2E5.a%20b", "under-test"],
      ["floor.sensors.q2", "under-test"],
    ]);
  });

  test("a full outbox leaves a message with its sender; one that can never go is dropped", async ({ expect }) => {
    const box = createRecordingOutbox();
    const bridge = { out: [{ topic: "sensors/#" }] };
    await using rig = await startMqttProvider({ ...LISTEN, bridge }, { services: { outbox: box.outbox } });
    box.full = true;
    await using sensor = await connectMqtt(rig.url, { clientId: "s", clean: false, reconnectPeriod: 20 });
    const sent = sensor.client.publishAsync("sensors/1", "kept", { qos: 1 });
    await new Promise<void>((resolve) => sensor.client.once("close", () => resolve()));
    box.full = false;
    await sent;
    await sensor.client.publishAsync("sensors/1", "x".repeat(1001), { qos: 1 });
    await sensor.client.publishAsync("sensors/1", "end", { qos: 1 });
    expect(box.taken.all.map(textOf)).toEqual(["kept", "end"]);
    expect(box.taken.all[0]).toMatchObject({ lane: "critical", subject: "sensors.1" });
  });
});

describe("from the lattice to MQTT", () => {
  const mosquitto = findProgram("mosquitto");
  test.skipIf(skipping(mosquitto === undefined, "the MQTT bridge with a broker that is away", "mosquitto is missing"))(
    "a durable message waits for a broker that is away, without being given up",
    async ({ expect }) => {
      await using broker = await startMosquitto(mosquitto ?? "");
      await using inbox = await openTestInbox({ maxAttempts: 1 });
      const bridge = { in: [{ subject: "commands.>", prefix: "cloud", qos: 1 }] };
      const services: Partial<HostServices> = { inbox };
      await using _rig = await startMqttProvider({ ...QUICK, url: broker.url, bridge }, { services });
      await broker.kill();
      const accept = async (seq: number, subject: string): Promise<unknown> =>
        await inbox.accept({
          subject,
          body: Buffer.from(String(seq)),
          origin: { stream: "IN", created: "today", seq, time: BigInt(seq) },
        });
      await accept(1, "commands.lamp.1%2F2");
      await accept(2, "commands.lamp");
      await waitFor("some attempts", () => inbox.stats().failures > 3);
      expect(inbox.stats()).toMatchObject({ waiting: 2, dead: [] });
      await broker.restart();
      await waitFor("both to be with the broker", () => inbox.stats().handled === 2);
      expect(inbox.stats().dead).toEqual([]);
    },
  );

  test("what comes over the bus is published, and what has no topic is left out", async ({ expect }) => {
    const bus = createMemoryBus({ clock: systemClock, log: silentLogger, queue: 10 });
    const bridge = { in: [{ subject: ">", durable: false, retain: true }] };
    await using rig = await startMqttProvider({ ...LISTEN, bridge }, { services: { bus } });
    await using panel = await connectMqtt(rig.url);
    await panel.client.subscribeAsync("#", { qos: 1 });
    const body = Buffer.from("on");
    for (const subject of ["commands.lamp", "%24SYS.x", "end"]) bus.publish({ subject, body, replyTo: undefined });
    await panel.received.find(({ topic }) => topic === "end");
    expect(panel.received.all.map(({ topic }) => topic)).toEqual(["commands/lamp", "end"]);
  });

  test("start() fails when two durable rules want the same messages, and a rule needs a broker that there is", async ({
    expect,
  }) => {
    await using inbox = await openTestInbox();
    const twice = { in: [{ subject: "a.>" }, { subject: "*.b" }] };
    await expect(startMqttProvider({ ...LISTEN, bridge: twice }, { services: { inbox } })).rejects.toMatchObject({
      code: "ERR_PROVIDER_START",
    });
    await using _free = inbox.subscribe(">", async () => {});
    const elsewhere = { out: [{ topic: "a", via: "url" }] };
    await expect(startMqttProvider({ ...LISTEN, bridge: elsewhere })).rejects.toMatchObject({
      code: "ERR_PROVIDER_CONFIG",
    });
  });
});
