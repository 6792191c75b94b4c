// Pins durable subscriptions to streams of a real nats-server: what is acknowledged, what comes again, and what becomes of it
// all when the server or the agent is killed.

import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { describe, test } from "vitest";
import { createMessagingNatsProvider } from "../../../providers/messaging/nats.ts";
import { createMemoryStore } from "../../../providers/keyvalue/memory-store.ts";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import { createNatsPaths } from "../../../src/adapters/lattice/nats-paths.ts";
import type { OutboxMessage } from "../../../src/domain/outbox.ts";
import { mebibytes, millis } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { KeyValueStore, Outbox } from "../../../src/provider/services.ts";
import { durableSuite, takeMessages, type DurableRig } from "../../conformance/messaging/durable.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { recordingLogger, startProvider, type Rig } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const STREAM = { name: "ORDERS", consumer: "gateway", backoff: { initial: "10ms", max: "20ms" } };

interface StreamRig extends DurableRig {
  readonly nats: TestNats;
  readonly manager: () => Promise<JetStreamManager>;
  /** Another agent on the same hub, with its own connection. */
  startAgent(options?: { readonly keyValue?: KeyValueStore; readonly outbox?: Outbox }): Promise<Rig>;
}

async function createRig(settings: object = {}, makeStream = true): Promise<StreamRig> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats({ jetstream: true }));
  const backoff = { initial: millis(20), max: millis(100) };
  const client = stack.use(connectNats({ servers: [nats.url], name: "sender", log: silentLogger, backoff }));
  await waitFor("the connection", () => client.current() !== undefined);
  const manager = async (): Promise<JetStreamManager> => {
    const live = await waitFor("the connection", () => client.current());
    return await jetstreamManager(live, { checkAPI: false });
  };
  if (makeStream) await (await manager()).streams.add({ name: "ORDERS", subjects: ["orders.>"], storage: "file" });

  const startAgent: StreamRig["startAgent"] = async (options = {}) => {
    await using agent = new AsyncDisposableStack();
    const connection = agent.use(connectNats({ servers: [nats.url], name: "agent", log: silentLogger, backoff }));
    const hub = { connection, domain: undefined };
    const paths = createNatsPaths({ hub, name: "agent", log: silentLogger, clock: systemClock });
    const keyValue = options.keyValue ?? createMemoryStore(mebibytes(1));
    const { outbox } = options;
    const services = { nats: paths, keyValue, ...(outbox === undefined ? {} : { outbox }) };
    const rig = agent.use(await startProvider(createMessagingNatsProvider, {}, { services }));
    const owned = agent.move();
    return { ...rig, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
  };
  const provider = stack.use(await startAgent());
  const owned = stack.move();
  return {
    nats,
    manager,
    startAgent,
    provider,
    subscription: { subject: "orders.>", stream: { ...STREAM, ...settings } },
    store: async (subject, body) => {
      const live = await waitFor("the connection", () => client.current());
      await (await manager()).jetstream().publish(subject, body);
      await live.flush();
    },
    [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
  };
}

durableSuite({
  name: "a JetStream stream",
  create: async (maxAttempts) => await createRig({ max_deliver: maxAttempts }),
});

describe("a subscription to a stream", () => {
  const consumerOf = async (rig: StreamRig) => await (await rig.manager()).consumers.info("ORDERS", "gateway");

  test("acknowledges what was handled, and begins where its consumer is told to", async ({ expect }) => {
    await using rig = await createRig({ start: "new", ack_wait: "5s" });
    await rig.store("orders.old", "old");
    const { calls, link } = await takeMessages(rig);
    await using _link = link;
    await waitFor("the consumer", async () => await consumerOf(rig));
    await rig.store("orders.new", "new");
    await calls.waitFor(1);
    const info = await waitFor("the acknowledgement", async () => {
      const found = await consumerOf(rig);
      return found.ack_floor.stream_seq === 2 ? found : undefined;
    });
    expect(calls.all).toEqual(["new"]);
    expect(info.config).toMatchObject({ max_ack_pending: 1, ack_wait: 5e9, filter_subject: "orders.>" });
  });

  test("goes on after the server was killed in the middle of a message, which the component handled once", async ({
    expect,
  }) => {
    await using rig = await createRig({ ack_wait: "1s" });
    const gate = Promise.withResolvers<void>();
    const { calls, link } = await takeMessages(rig, async (body) => {
      if (body === "2") await gate.promise;
    });
    await using _link = link;
    for (const body of ["1", "2", "3"]) await rig.store(`orders.${body}`, body);
    await calls.waitFor(2);
    await rig.nats.kill();
    gate.resolve();
    await rig.nats.restart();
    await rig.store("orders.4", "4");
    await calls.find((body) => body === "4");
    expect(calls.all).toEqual(["1", "2", "3", "4"]);
  });

  test("waits for a stream that is not there yet, and says so once", async ({ expect }) => {
    await using rig = await createRig({}, false);
    const log = recordingLogger();
    const calls: string[] = [];
    await using _link = await rig.provider.bind({
      config: { subscriptions: [rig.subscription] },
      handler: () => void calls.push("called"),
      log,
    });
    await waitFor("the warning", () => log.records.some(({ level }) => level === "warn"));
    await (await rig.manager()).streams.add({ name: "ORDERS", subjects: ["orders.>"], storage: "file" });
    await rig.store("orders.1", "1");
    await waitFor("the message", () => calls.length === 1);
    expect(log.records.filter(({ level }) => level === "warn")).toHaveLength(1);
  });

  test("remembers failures over a restart of the agent, and sends what is given up to the outbox", async ({
    expect,
  }) => {
    await using rig = await createRig({ max_deliver: 3, ack_wait: "1s", dead_letter: "dead.orders" });
    const keyValue = createMemoryStore(mebibytes(1));
    const dead: OutboxMessage[] = [];
    let full = true;
    const outbox = {
      publish: async (message: OutboxMessage) => {
        if (full) {
          full = false;
          throw new Error("full");
        }
        dead.push({ ...message, body: new Uint8Array(message.body) });
        return { outcome: "durable", seq: 1 } as const;
      },
    } as Outbox;
    const attempt = async (until: number): Promise<number> => {
      await using agent = await rig.startAgent({ keyValue, outbox });
      let failures = 0;
      const enough = Promise.withResolvers<void>();
      const { calls, link } = await takeMessages({ ...rig, provider: agent }, (body) => {
        if (body !== "bad") return;
        failures += 1;
        if (failures === until) enough.resolve();
        throw new Error("trap\nat line 2");
      });
      await using _link = link;
      await (until > 0 ? enough.promise : calls.find((body) => body === "good"));
      return failures;
    };
    await rig.store("orders.bad", "bad");
    await rig.store("orders.good", "good");
    expect(await attempt(2)).toBeGreaterThanOrEqual(2);
    // Whatever was left, and then the next message.
    expect(await attempt(0)).toBeLessThanOrEqual(1);
    expect(dead).toEqual([
      {
        lane: "critical",
        subject: "dead.orders",
        body: new Uint8Array(Buffer.from("bad")),
        headers: {
          "Dead-Letter-Stream": "ORDERS",
          "Dead-Letter-Sequence": "1",
          "Dead-Letter-Subject": "orders.bad",
          "Dead-Letter-Reason": expect.stringMatching(/^(trap at line 2|it was to be given up before)$/) as string,
        },
        owner: "component",
      },
    ]);
  });

  test("without an order, gives up each of many messages that fail, and goes on", async ({ expect }) => {
    await using rig = await createRig({ ordered: false, max_deliver: 2 });
    const { calls, link } = await takeMessages(rig, (body) => {
      if (body !== "good") throw new Error("failed");
    });
    await using _link = link;
    const bodies = Array.from({ length: 80 }, (_, i) => String(i));
    for (const body of [...bodies, "good"]) await rig.store("orders.n", body);
    await calls.find((body) => body === "good");
    await waitFor("the last word of each", async () => (await consumerOf(rig)).ack_floor.stream_seq === 81);
    expect(calls.all.toSorted()).toEqual([...bodies, ...bodies, "good"].toSorted());
  });

  test("shares the messages of a consumer among those that name it", async ({ expect }) => {
    await using rig = await createRig({ ordered: false });
    await using other = await rig.startAgent();
    const first = await takeMessages(rig);
    await using _first = first.link;
    const second = await takeMessages({ ...rig, provider: other });
    await using _second = second.link;
    const numbers = Array.from({ length: 30 }, (_, i) => String(i));
    for (const number of numbers) await rig.store("orders.n", number);
    const taken = (): string[] => [...first.calls.all, ...second.calls.all];
    await waitFor("all messages", () => taken().length === numbers.length);
    expect(taken().toSorted()).toEqual(numbers.toSorted());
  });
});
