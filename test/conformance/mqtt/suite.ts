// What a component may rely on from `petiole:mqtt`, whatever broker is at the other end and whichever version of MQTT is
// spoken with it.

import { describe, test } from "vitest";
import { WitError } from "../../../src/domain/errors.ts";
import type { WitDelivery, WitMessage } from "../../../providers/mqtt/mqtt-interface.ts";
import { createMailbox, type Mailbox } from "../../support/mailbox.ts";
import { connectMqtt } from "../../support/mqtt.ts";
import type { MqttRig } from "../../support/mqtt-provider.ts";
import type { BoundLink } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const PUBLISHER = "petiole:mqtt/publisher";
const HANDLER = "petiole:mqtt/message-handler";

export interface MqttSubjectRig extends AsyncDisposable {
  readonly rig: MqttRig;
  /** Where another client reaches the same broker. */
  readonly url: string;
}

export interface MqttSubject {
  readonly name: string;
  /** Whether properties go through, and the broker says when nobody subscribes. */
  readonly properties: boolean;
  create(): Promise<MqttSubjectRig>;
}

const message = (topic: string, payload: string, more: Partial<WitMessage> = {}): WitMessage => ({
  topic,
  payload: Buffer.from(payload),
  qos: "at-least-once",
  retain: false,
  payloadIsText: false,
  contentType: undefined,
  responseTopic: undefined,
  correlationData: undefined,
  expiry: undefined,
  userProperties: [],
  ...more,
});
const textOf = ({ message: { payload } }: WitDelivery): string => Buffer.from(payload).toString();

export function mqttSuite(subject: MqttSubject): void {
  describe(`petiole:mqtt on ${subject.name}`, () => {
    interface Receiver extends AsyncDisposable {
      readonly deliveries: Mailbox<WitDelivery>;
    }
    const receive = async (
      { rig }: MqttSubjectRig,
      topic: string,
      handle: (delivery: WitDelivery) => unknown = () => {},
      config: object = {},
    ): Promise<Receiver> => {
      const deliveries = createMailbox<WitDelivery>();
      const link = await rig.bind({
        component: `receiver of ${topic}`,
        interfaces: [HANDLER],
        config: { subscriptions: [{ topic, qos: 2 }], ...config },
        handler: async (_name, args) => {
          const delivery = args[0] as WitDelivery;
          await handle(delivery);
          deliveries.put(delivery);
        },
      });
      // In effect when something comes through.
      return { deliveries, [Symbol.asyncDispose]: async () => await link[Symbol.asyncDispose]() };
    };
    const send = async ({ rig }: MqttSubjectRig, config: object = {}): Promise<BoundLink> => {
      const link = await rig.bind({ component: "sender", interfaces: [PUBLISHER], config });
      await waitFor("the connection", async () => (await link.call(PUBLISHER, "state")) === "connected");
      return link;
    };
    const publish = async (link: BoundLink, sent: WitMessage): Promise<unknown> =>
      await link.call(PUBLISHER, "publish", sent);
    /** Until the broker has the subscription of a receiver. */
    const settled = async (link: BoundLink, topic: string, { deliveries }: Receiver): Promise<void> => {
      await waitFor(`the subscription to ${topic}`, async () => {
        await publish(link, message(topic, "probe"));
        return deliveries.all.length > 0;
      });
      // What was sent before the first one came.
      await publish(link, message(topic, "settled"));
      await deliveries.find((delivery) => textOf(delivery) === "settled");
    };
    const since = ({ deliveries }: Receiver): readonly WitDelivery[] =>
      deliveries.all.slice(1 + deliveries.all.findIndex((delivery) => textOf(delivery) === "settled"));
    const failure = (tag: string): object => ({ payload: { tag } });

    test("messages of each QoS reach a handler with it, in order", async ({ expect }) => {
      await using on = await subject.create();
      await using sender = await send(on);
      await using receiver = await receive(on, "a/b");
      await settled(sender, "a/b", receiver);
      expect(await publish(sender, message("a/b", "1", { qos: "exactly-once" }))).toBe("acknowledged");
      expect(await publish(sender, message("a/b", "2", { qos: "at-least-once" }))).toBe("acknowledged");
      await receiver.deliveries.find((delivery) => textOf(delivery) === "2");
      expect(await publish(sender, message("a/b", "3", { qos: "at-most-once" }))).toBe("sent");
      await receiver.deliveries.find((delivery) => textOf(delivery) === "3");
      const found = since(receiver);
      expect(found.map(textOf)).toEqual(["1", "2", "3"]);
      expect(found.map(({ message: { qos } }) => qos)).toEqual(["exactly-once", "at-least-once", "at-most-once"]);
      expect(found.map(({ retained, duplicate }) => retained || duplicate)).toEqual([false, false, false]);
      expect(Number(found[0]?.received ?? 0n) / 1e6).toBeGreaterThan(Date.now() - 600_000);
    });

    test("a handler that publishes on its connection with any QoS does not wait for itself", async ({ expect }) => {
      await using on = await subject.create();
      await using sender = await send(on);
      await using receiver = await receive(on, "count", async (delivery) => {
        const number = Number(textOf(delivery));
        if (number > 0) await publish(sender, message("count", String(number - 1), { qos: "exactly-once" }));
      });
      await settled(sender, "count", receiver);
      await publish(sender, message("count", "3", { qos: "exactly-once" }));
      await receiver.deliveries.find((delivery) => textOf(delivery) === "0");
      expect(since(receiver).map(textOf)).toEqual(["3", "2", "1", "0"]);
    });

    test("retry calls the handler again, reject gives the message up; both are counted", async ({ expect }) => {
      await using on = await subject.create();
      await using sender = await send(on);
      const tries: string[] = [];
      const handle = (delivery: WitDelivery): void => {
        const text = textOf(delivery);
        tries.push(text);
        if (text === "bad") throw new WitError({ tag: "reject", val: "it is no number" });
        if (text === "busy" && tries.filter((one) => one === text).length < 3) {
          throw new WitError({ tag: "retry", val: "not now" });
        }
        if (text === "never") throw new WitError({ tag: "retry", val: "never" });
      };
      const retry = { attempts: 4, initial: "1ms", max: "2ms" };
      await using receiver = await receive(on, "n/#", handle, { retry });
      await settled(sender, "n/1", receiver);
      const before = on.rig.provider.inboxStats?.()?.failures ?? 0;
      for (const text of ["bad", "busy", "never", "end"]) await publish(sender, message("n/1", text));
      await receiver.deliveries.find((delivery) => textOf(delivery) === "end");
      expect(since(receiver).map(textOf)).toEqual(["busy", "end"]);
      const count = (text: string): number => tries.filter((one) => one === text).length;
      expect([count("bad"), count("busy"), count("never")]).toEqual([1, 3, 4]);
      const stats = on.rig.provider.inboxStats?.();
      expect((stats?.failures ?? 0) - before).toBe(7);
      expect(stats?.dead).toMatchObject([
        { subject: expect.stringMatching(/\.n\/1$/) as string, attempts: 1, reason: "it is no number" },
        { attempts: 4, reason: expect.stringContaining("never") as string },
      ]);
    });

    test("a retained message is there for who comes later, until it is cleared", async ({ expect }) => {
      await using on = await subject.create();
      await using sender = await send(on);
      await publish(sender, message("state", "on", { retain: true }));
      await using later = await receive(on, "state");
      expect((await later.deliveries.waitFor(1)).map((one) => [textOf(one), one.retained])).toEqual([["on", true]]);
      await sender.call(PUBLISHER, "clear-retained", "state");
      await using other = await connectMqtt(on.url);
      await other.client.subscribeAsync(["state", "end"], { qos: 1 });
      await publish(sender, message("end", "end"));
      await other.received.find(({ topic }) => topic === "end");
      expect(other.received.all.map(({ topic }) => topic)).toEqual(["end"]);
    });

    test("what a link may not publish, and what is no message, is refused with the reason", async ({ expect }) => {
      await using on = await subject.create();
      await using sender = await send(on, { max_body: "1KiB", publish: { topics: ["plans/#"] } });
      await publish(sender, message("plans/a", "x"));
      await expect(publish(sender, message("plans/+", "x"))).rejects.toMatchObject(failure("topic-invalid"));
      await expect(publish(sender, message("", "x"))).rejects.toMatchObject(failure("topic-invalid"));
      await expect(publish(sender, message("orders/a", "x"))).rejects.toMatchObject(failure("topic-not-permitted"));
      await expect(publish(sender, message("$SYS/a", "x"))).rejects.toMatchObject(failure("topic-not-permitted"));
      const large = message("plans/a", "x".repeat(1025));
      await expect(publish(sender, large)).rejects.toMatchObject(failure("payload-too-large"));
      const much = message("plans/a", "x", { userProperties: [["name", "x".repeat(70_000)]] });
      await expect(publish(sender, much)).rejects.toMatchObject(failure("payload-too-large"));
      await expect(sender.call(PUBLISHER, "clear-retained", "orders/a")).rejects.toMatchObject(
        failure("topic-not-permitted"),
      );
      await publish(sender, message("plans/a", "x"));
    });

    test("another client's messages come as it sent them, and its client gets ours", async ({ expect }) => {
      await using on = await subject.create();
      await using sender = await send(on);
      await using receiver = await receive(on, "in/#");
      await settled(sender, "in/x", receiver);
      await using other = await connectMqtt(on.url, subject.properties ? { protocolVersion: 5 } : {});
      await other.client.subscribeAsync("out", { qos: 2 });
      const properties = {
        contentType: "text/plain",
        responseTopic: "back",
        correlationData: Buffer.from([1, 0, 2]),
        payloadFormatIndicator: true,
        messageExpiryInterval: 60,
        userProperties: { ["__proto__"]: "a", unit: ["b", "c"] },
      };
      await other.client.publishAsync("in/a b/ü", "hé", { qos: 2, ...(subject.properties && { properties }) });
      const { message: found } = await receiver.deliveries.find((one) => one.message.topic === "in/a b/ü");
      expect(Buffer.from(found.payload).toString()).toBe("hé");
      if (subject.properties) {
        expect(found).toMatchObject({ contentType: "text/plain", responseTopic: "back", payloadIsText: true });
        expect([...(found.correlationData ?? [])]).toEqual([1, 0, 2]);
        expect(found.expiry).toBeLessThanOrEqual(60);
        expect(found.userProperties.filter(([name]) => name === "unit").map(([, value]) => value)).toEqual(["b", "c"]);
      }
      const sent = message("out", "ours", {
        qos: "exactly-once",
        contentType: "application/json",
        correlationData: Uint8Array.of(9),
        userProperties: [
          ["unit", "°C"],
          ["unit", "K"],
        ],
      });
      await publish(sender, sent);
      const [got] = await other.received.waitFor(1);
      expect([got?.payload.toString(), got?.qos]).toEqual(["ours", 2]);
      if (!subject.properties) return;
      expect(got?.properties).toMatchObject({ contentType: "application/json", userProperties: { unit: ["°C", "K"] } });
      expect(await publish(sender, message("nobody/listens", "x"))).toBe("no-subscribers");
    });
  });
}
