// Contract: what the hub's stream holds for a device arrives in its inbox in order, each message once, whatever
// happens to the hub, the link, acknowledgements or the agent; and a hub stream that was made again starts anew.

import { jetstream, type JetStreamClient } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { startInbound, type Inbound, type InboundOptions } from "../../../src/adapters/lattice/inbound.ts";
import { days, millis, seconds } from "../../../src/domain/units.ts";
import type { Inbox } from "../../../src/host/inbox/inbox.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createInboundStream, openTestInbox, sendCommands, textOf } from "../../support/inbox.ts";
import { DEVICE, startHubRig, type HubRig, type LinkMode } from "../../support/hub-rig.ts";
import { serverVersions } from "../../support/nats.ts";
import { publishRaw } from "../../support/raw-nats.ts";
import { createStoreFolder } from "../../support/store.ts";
import { waitFor } from "../../support/wait-for.ts";

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

/** A cloud that sends to devices, not through the link. */
async function connectCloud(rig: HubRig): Promise<{ client: JetStreamClient } & AsyncDisposable> {
  const connection = await connect({ servers: rig.hub.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const client = jetstream(connection, rig.domain === undefined ? {} : { domain: rig.domain });
  return { client, [Symbol.asyncDispose]: () => connection.close() };
}

function receive(rig: HubRig, sink: InboundOptions["sink"], extra: Partial<InboundOptions> = {}): Inbound {
  return startInbound({
    sink,
    connection: rig.connection,
    device: DEVICE,
    stream: { create: false, domain: rig.domain, maxAge: days(1) },
    log: silentLogger,
    ackWait: seconds(1),
    requestTimeout: seconds(1),
    expires: seconds(2),
    backoff: { initial: millis(50), max: millis(200) },
    ...extra,
  });
}

function collect(inbox: Inbox): { readonly seen: string[] } & AsyncDisposable {
  const seen: string[] = [];
  const subscription = inbox.subscribe("commands.>", async ({ body }) => void seen.push(textOf(body)));
  return { seen, [Symbol.asyncDispose]: () => subscription[Symbol.asyncDispose]() };
}

for (const { name, binary, skip } of await serverVersions()) {
  for (const mode of ["direct", "leaf"] as const satisfies LinkMode[]) {
    describe.skipIf(skip !== undefined)(`inbound messages, ${name} hub, ${mode} mode`, () => {
      test("what was sent while the device was away comes once and in order, then what is sent meanwhile", async ({
        expect,
      }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 20);
        await cloud.client.publish("petiole-in.other-device.commands.lamp", "for another");
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        await using inbound = receive(rig, inbox);
        await waitFor("20 commands", () => device.seen.length >= 20);
        await sendCommands(cloud.client, DEVICE, 21, 25);
        await waitFor("25 commands", () => device.seen.length >= 25);
        expect(device.seen).toEqual(numbers(1, 25));
        expect(inbound.status()).toEqual({ state: "receiving", stream: "COMMANDS", lastError: undefined });
        const consumer = await waitFor("the hub to have every acknowledgement", async () => {
          const info = await rig.manager.consumers.info("COMMANDS", `petiole-${DEVICE}`);
          return info.num_ack_pending === 0 && info.num_pending === 0 && info;
        });
        expect(consumer.config).toMatchObject({ max_ack_pending: 1, filter_subject: `petiole-in.${DEVICE}.>` });
        expect(consumer.num_redelivered).toBe(0);
      });

      test("one with headers that are none comes like any other, and stops nothing", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await publishRaw(rig.hub.port, `petiole-in.${DEVICE}.commands.lamp`, "NATS/1.0\r\nbad key: 1\r\n\r\n", "1");
        await sendCommands(cloud.client, DEVICE, 2, 3);
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        await using _ = receive(rig, inbox);
        await waitFor("3 commands", () => device.seen.length >= 3);
        expect(device.seen).toEqual(numbers(1, 3));
      });

      test("the link cut again and again in the middle: each once and in order", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 60);
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        await using _ = receive(rig, inbox);
        for (const count of [5, 20, 40]) {
          await waitFor(`${count} commands`, () => device.seen.length >= count);
          rig.link.cut();
          await waitFor("the link to be gone", () => rig.link.connections() === 0);
          rig.link.mend();
        }
        await waitFor("60 commands", () => device.seen.length >= 60);
        expect(device.seen).toEqual(numbers(1, 60));
        expect(inbox.stats()).toMatchObject({ handled: 60, stored: 60, repeats: 0 });
      });

      test("the hub killed in the middle and started again", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 40);
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        await using _ = receive(rig, inbox);
        await waitFor("some commands", () => device.seen.length >= 10);
        await rig.hub.kill();
        await rig.hub.restart();
        await waitFor("40 commands", () => device.seen.length >= 40);
        expect(device.seen).toEqual(numbers(1, 40));
      });

      test("acknowledgements lost: what comes again is acknowledged and not handled again", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 10);
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        const verdicts: string[] = [];
        // The link goes down after a message was stored and before its acknowledgement leaves.
        const sink: InboundOptions["sink"] = {
          ...inbox,
          accept: async (message) => {
            const verdict = await inbox.accept(message);
            verdicts.push(verdict);
            if (verdicts.length === 3 || verdicts.length === 6) {
              rig.link.cut();
              rig.link.mend();
            }
            return verdict;
          },
        };
        await using _ = receive(rig, sink);
        await waitFor("10 commands", () => device.seen.length >= 10);
        await waitFor("the hub to have every acknowledgement", async () => {
          const info = await rig.manager.consumers.info("COMMANDS", `petiole-${DEVICE}`);
          return info.num_ack_pending === 0 && info.num_pending === 0;
        });
        expect(device.seen).toEqual(numbers(1, 10));
        expect(verdicts.filter((verdict) => verdict === "known").length).toBeGreaterThan(0);
      });

      test("a stream that was made again under the same name starts anew", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 10);
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        await using inbound = receive(rig, inbox);
        await waitFor("10 commands", () => device.seen.length >= 10);
        await rig.manager.streams.delete("COMMANDS");
        await waitFor("the device to notice", () => inbound.status().lastError !== undefined);
        await createInboundStream(rig.manager);
        await sendCommands(cloud.client, DEVICE, 11, 15);
        await waitFor("15 commands", () => device.seen.length >= 15);
        expect(device.seen).toEqual(numbers(1, 15));
        expect(inbound.status().lastError).toBeUndefined();
      });

      test("a consumer that was deleted is made again and repeats nothing", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 10);
        await using inbox = await openTestInbox();
        await using device = collect(inbox);
        await using _ = receive(rig, inbox);
        await waitFor("10 commands", () => device.seen.length >= 10);
        await rig.manager.consumers.delete("COMMANDS", `petiole-${DEVICE}`);
        await sendCommands(cloud.client, DEVICE, 11, 15);
        await waitFor("15 commands", () => device.seen.length >= 15);
        expect(device.seen).toEqual(numbers(1, 15));
      });

      test("an inbox without room leaves messages at the hub until there is some", async ({ expect }) => {
        await using rig = await startHubRig({ binary, mode });
        await createInboundStream(rig.manager);
        await using cloud = await connectCloud(rig);
        await sendCommands(cloud.client, DEVICE, 1, 12);
        await using inbox = await openTestInbox({ maxMessages: 4 });
        const seen: string[] = [];
        const open = Promise.withResolvers<void>();
        await using _slow = inbox.subscribe("commands.>", async ({ body }) => {
          await open.promise;
          seen.push(textOf(body));
        });
        await using inbound = receive(rig, inbox);
        await waitFor("the inbox to be full", () => inbound.status().state === "full");
        expect(inbox.stats()).toMatchObject({ waiting: 4, stored: 4 });
        const { num_pending } = await rig.manager.consumers.info("COMMANDS", `petiole-${DEVICE}`);
        expect(num_pending).toBe(8);
        open.resolve();
        await waitFor("12 commands", () => seen.length >= 12);
        expect(seen).toEqual(numbers(1, 12));
      });
    });
  }

  describe.skipIf(skip !== undefined)(`inbound messages, ${name} hub`, () => {
    test("work goes on with the hub away, and a disposed agent leaves the rest to the next one", async ({ expect }) => {
      await using folder = await createStoreFolder();
      await using rig = await startHubRig({ binary, mode: "direct" });
      await createInboundStream(rig.manager);
      await using cloud = await connectCloud(rig);
      await sendCommands(cloud.client, DEVICE, 1, 10);
      const seen: string[] = [];
      {
        await using store = await folder.open();
        await using inbox = await openTestInbox({ store });
        const open = Promise.withResolvers<void>();
        const subscription = inbox.subscribe("commands.>", async ({ body }) => {
          await open.promise;
          seen.push(textOf(body));
        });
        await using _inbound = receive(rig, inbox);
        await waitFor("all messages on the device", () => inbox.stats().stored === 10);
        await rig.hub.kill();
        open.resolve();
        await waitFor("some work", () => seen.length >= 3);
        await subscription[Symbol.asyncDispose]();
      }
      const before = seen.length;
      await using store = await folder.open();
      await using inbox = await openTestInbox({ store });
      expect(inbox.stats()).toMatchObject({ waiting: 10 - before });
      await using device = collect(inbox);
      await waitFor("the rest", () => before + device.seen.length >= 10);
      expect([...seen, ...device.seen]).toEqual(numbers(1, 10));
      await using _ = receive(rig, inbox);
      await rig.hub.restart();
      await sendCommands(cloud.client, DEVICE, 11, 11);
      await waitFor("one more", () => device.seen.at(-1) === "11");
      expect([...seen, ...device.seen]).toEqual(numbers(1, 11));
    });

    test("makes the stream when it is told to, and adjusts a consumer that differs", async ({ expect }) => {
      await using rig = await startHubRig({ binary, mode: "direct" });
      await using inbox = await openTestInbox();
      await using device = collect(inbox);
      const stream = { create: true, name: "PETIOLE_IN", domain: rig.domain, maxAge: days(1) };
      await using inbound = receive(rig, inbox, { stream });
      await waitFor("the stream", () => inbound.status().state === "receiving");
      expect((await rig.manager.streams.info("PETIOLE_IN")).config).toMatchObject({
        subjects: ["petiole-in.*.>"],
        max_age: days(1) * 1_000_000,
      });
      await inbound[Symbol.asyncDispose]();
      await rig.manager.consumers.update("PETIOLE_IN", `petiole-${DEVICE}`, { max_ack_pending: 50 });
      await using _again = receive(rig, inbox, { stream });
      await waitFor("the consumer to be as petiole wants it", async () => {
        const { config } = await rig.manager.consumers.info("PETIOLE_IN", `petiole-${DEVICE}`);
        return config.max_ack_pending === 1;
      });
      await using cloud = await connectCloud(rig);
      await sendCommands(cloud.client, DEVICE, 1, 1);
      await waitFor("a command", () => device.seen.length === 1);
    });

    test("says what is missing at the hub", async ({ expect }) => {
      await using rig = await startHubRig({ binary, mode: "direct" });
      await using inbox = await openTestInbox();
      await using inbound = receive(rig, inbox);
      expect(inbound.status().state).toBe("off");
      await using _device = collect(inbox);
      const error = await waitFor("an error", () => inbound.status().lastError);
      expect(error.code).toBe("ERR_LATTICE_INBOX");
      expect(error.message).toContain('no stream takes "petiole-in.*.>"');
    });
  });
}
