import { describe, test } from "vitest";
import { durableSuite } from "../../test/conformance/messaging/durable.ts";
import { messagingSuite } from "../../test/conformance/messaging/suite.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createMailbox } from "../../test/support/mailbox.ts";
import { providerDeps, recordingLogger, startProvider } from "../../test/support/provider-rig.ts";
import { PetioleError } from "../../src/domain/errors.ts";
import type { OutboxMessage } from "../../src/domain/outbox.ts";
import { mebibytes, millis, minutes, seconds } from "../../src/domain/units.ts";
import { openInbox } from "../../src/host/inbox/inbox.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { BusMessage, DurableMessages, MessageBus, Outbox } from "../../src/provider/services.ts";
import { createMemoryStore } from "../keyvalue/memory-store.ts";
import { createMemoryBus } from "./memory-bus.ts";
import { createMessagingMemoryProvider } from "./memory.ts";
import { createMessagingNatsProvider } from "./nats.ts";

const CONSUMER = "wasmcloud:messaging/consumer";

messagingSuite({
  name: "memory",
  syntax: "nats",
  queues: true,
  requests: true,
  create: async () => {
    const rig = await startProvider(createMessagingMemoryProvider, {});
    return { ...rig, settled: async () => {} };
  },
});

messagingSuite({
  name: "NATS, with a bus in memory",
  syntax: "nats",
  queues: true,
  requests: true,
  create: async () => {
    const { clock, log } = providerDeps();
    const bus = createMemoryBus({ clock, log, queue: 1000 });
    const rig = await startProvider(createMessagingNatsProvider, {}, { services: { bus } });
    return { ...rig, settled: async () => {} };
  },
});

durableSuite({
  name: "the inbox",
  create: async (maxAttempts) => {
    await using stack = new AsyncDisposableStack();
    const { clock, log } = providerDeps();
    const inbox = stack.use(
      await openInbox({
        keyValue: createMemoryStore(mebibytes(1)),
        clock,
        log,
        options: {
          maxMessages: 100,
          maxBytes: mebibytes(1),
          maxAttempts,
          unclaimed: minutes(10),
          backoff: { initial: millis(5), max: millis(10) },
        },
      }),
    );
    const bus = createMemoryBus({ clock, log, queue: 1000 });
    const provider = stack.use(await startProvider(createMessagingNatsProvider, {}, { services: { bus, inbox } }));
    const owned = stack.move();
    let seq = 0;
    return {
      provider,
      subscription: { subject: "orders.>", durable: true },
      store: async (subject, body) => {
        seq += 1;
        const origin = { stream: "IN", created: "2024", seq, time: BigInt(seq) };
        await inbox.accept({ subject, body: Buffer.from(body), origin });
      },
      [Symbol.asyncDispose]: async () => await owned.disposeAsync(),
    };
  },
});

const refusingBus: MessageBus = {
  publish: () => {
    throw new Error("not used");
  },
  request: async () => await Promise.reject(new Error("not used")),
  subscribe: () => {
    throw new Error("not used");
  },
};

const message = (subject: string, body: string): BusMessage => ({
  subject,
  body: Buffer.from(body),
  replyTo: undefined,
});

describe("createMemoryBus()", () => {
  const setUp = (queue = 100, log = silentLogger): MessageBus =>
    createMemoryBus({ clock: createFakeClock(), log, queue });

  test("subscribe() with a queue group gives each message to one member, in turn", async ({ expect }) => {
    const bus = setUp();
    const seen = createMailbox<string>();
    const member = (name: string) =>
      bus.subscribe("n", "group", async ({ body }) => seen.put(`${name}${Buffer.from(body).toString()}`));
    await using _a = member("a");
    await using _b = member("b");
    await using _all = bus.subscribe("n", undefined, async ({ body }) =>
      seen.put(`all${Buffer.from(body).toString()}`),
    );
    for (const body of ["1", "2", "3"]) bus.publish(message("n", body));
    await seen.waitFor(6);
    expect(seen.all.toSorted()).toEqual(["a1", "a3", "all1", "all2", "all3", "b2"]);
  });

  test("publish() drops what a slow subscriber has no room for, and says so", async ({ expect }) => {
    const log = recordingLogger();
    const bus = setUp(2, log);
    const gate = Promise.withResolvers<void>();
    const seen = createMailbox<string>();
    await using _slow = bus.subscribe("n", undefined, async ({ body }) => {
      await gate.promise;
      seen.put(Buffer.from(body).toString());
    });
    for (const body of ["1", "2", "3", "4", "5"]) bus.publish(message("n", body));
    gate.resolve();
    expect(await seen.waitFor(2)).toEqual(["1", "2"]);
    const warnings = log.records.filter(({ level }) => level === "warn");
    expect(warnings.map(({ fields }) => fields["dropped"])).toEqual([1, 2]);
  });

  test("publish() keeps its own copy of the body", async ({ expect }) => {
    const bus = setUp();
    const seen = createMailbox<string>();
    await using _link = bus.subscribe("n", undefined, async ({ body }) => seen.put(Buffer.from(body).toString()));
    const body = Buffer.from("before");
    bus.publish({ subject: "n", body, replyTo: undefined });
    body.fill("x");
    expect(await seen.waitFor(1)).toEqual(["before"]);
  });

  test("request() fails at once when nobody subscribes, and after the timeout when nobody answers", async ({
    expect,
  }) => {
    const clock = createFakeClock();
    const bus = createMemoryBus({ clock, log: silentLogger, queue: 10 });
    const unreachable = { code: "ERR_LATTICE_UNREACHABLE" };
    await expect(bus.request("n", Buffer.from("?"), seconds(1))).rejects.toMatchObject(unreachable);
    await using _silent = bus.subscribe("n", undefined, async () => {});
    const asked = expect(bus.request("n", Buffer.from("?"), seconds(1))).rejects.toMatchObject(unreachable);
    await clock.advance(seconds(1));
    await asked;
    expect(clock.sleeping).toBe(0);
  });
});

describe("createMessagingNatsProvider()", () => {
  const LANES = [
    { subject: "alarms.>", lane: "critical" },
    { subject: "alarms.test", lane: "standard" },
    { subject: "readings.*", lane: "standard", ttl: "10m" },
  ];

  const setUp = async (fail?: PetioleError) => {
    const stored: OutboxMessage[] = [];
    const sent: BusMessage[] = [];
    const outbox: Outbox = {
      publish: async (entry) => {
        if (fail !== undefined) throw fail;
        stored.push(entry);
        return { outcome: "durable", seq: 1 };
      },
      stats: async () => await Promise.reject(new Error("not used")),
      ledger: async () => [],
    };
    const bus: MessageBus = {
      publish: (entry) => {
        if (fail !== undefined) throw fail;
        sent.push(entry);
      },
      request: async () => await Promise.reject(fail ?? new Error("not used")),
      subscribe: () => {
        throw new Error("not used");
      },
    };
    const rig = await startProvider(createMessagingNatsProvider, {}, { services: { outbox, bus } });
    const link = await rig.bind({ component: "smoother", config: { lanes: LANES } });
    const publish = async (subject: string, replyTo?: string) =>
      await link.call(CONSUMER, "publish", { subject, body: new Uint8Array([1]), replyTo });
    return { stored, sent, link, publish };
  };

  test.for(["local", "hub"] as const)("speaks core NATS on the side %s", async (side, { expect }) => {
    const used: string[] = [];
    const named = (name: string): MessageBus => ({
      publish: () => void used.push(name),
      request: async () => await Promise.reject(new Error("not used")),
      subscribe: () => ({ [Symbol.asyncDispose]: async () => void used.push(`${name} left`) }),
    });
    const services = { bus: named("local"), hubBus: named("hub") };
    const rig = await startProvider(createMessagingNatsProvider, { side }, { services });
    const link = await rig.bind({ config: {} });
    await link.call(CONSUMER, "publish", { subject: "chat", body: new Uint8Array([1]), replyTo: undefined });
    expect(used).toEqual([side]);
  });

  test("publish stores what matches a lane, by the first that matches, and sends the rest at once", async ({
    expect,
  }) => {
    const { stored, sent, publish } = await setUp();
    for (const subject of ["alarms.boiler.hot", "alarms.test", "readings.boiler", "readings.a.b", "chat"]) {
      await publish(subject);
    }
    expect(stored.map(({ subject, lane }) => [subject, lane])).toEqual([
      ["alarms.boiler.hot", "critical"],
      ["alarms.test", "critical"],
      ["readings.boiler", "standard"],
    ]);
    expect(stored[0]).toEqual({
      lane: "critical",
      subject: "alarms.boiler.hot",
      body: new Uint8Array([1]),
      headers: {},
      owner: "smoother",
    });
    expect(stored.map(({ ttl }) => ttl)).toEqual([undefined, undefined, 600_000]);
    expect(sent.map(({ subject }) => subject)).toEqual(["readings.a.b", "chat"]);
  });

  test("publish refuses a reply subject on what is stored", async ({ expect }) => {
    const { stored, sent, publish } = await setUp();
    await expect(publish("alarms.x", "answers")).rejects.toMatchObject({
      payload: expect.stringMatching(/^unsupported:/) as string,
    });
    await publish("chat", "answers");
    expect([stored.length, sent[0]?.replyTo]).toEqual([0, "answers"]);
  });

  test("lets nobody publish to what it denies, ask there, or have answers sent there", async ({ expect }) => {
    const rig = await startProvider(createMessagingNatsProvider, {}, { services: { bus: refusingBus } });
    const link = await rig.bind({
      config: { deny: ["runtime.>"], lanes: [{ subject: "runtime.>", lane: "critical" }] },
    });
    const body = new Uint8Array();
    for (const call of [
      link.call(CONSUMER, "publish", { subject: "runtime.host.a", body, replyTo: undefined }),
      link.call(CONSUMER, "publish", { subject: "chat", body, replyTo: "runtime.host.a" }),
      link.call(CONSUMER, "request", "runtime.host.a", body, 1000),
    ]) {
      await expect(call).rejects.toMatchObject({ payload: expect.stringMatching(/^denied:/) as string });
    }
  });

  test("takes the queue groups that other hosts have", ({ expect }) => {
    const provider = createMessagingNatsProvider(providerDeps());
    const parse = (queue: string) => () => provider.parseLinkConfig({ subscriptions: [{ subject: "a", queue }] });
    for (const queue of ["group", "wasmcloud.default.app.a.0f1e"]) expect(parse(queue)).not.toThrow();
    for (const queue of ["", "a b", "a.*", ".a", "a.", ">"]) expect(parse(queue)).toThrow(/queue/);
  });

  test.for([
    ["alarms.x", "ERR_OUTBOX_FULL", /^full:/],
    ["alarms.x", "ERR_OUTBOX_SHED", /^shed:/],
    ["alarms.x", "ERR_OUTBOX_QUOTA", /^quota-exceeded:/],
    ["alarms.x", "ERR_OUTBOX_TOO_LARGE", /^too-large:/],
    ["alarms.x", "ERR_STORE_FAILED", /^unavailable:/],
    ["chat", "ERR_LATTICE_UNREACHABLE", /^unreachable:/],
    ["chat", "ERR_LATTICE_MESSAGE", /^refused:/],
  ] as const)("publish to %s with %s fails with err", async ([subject, code, pattern], { expect }) => {
    const { publish } = await setUp(new PetioleError(code, "at /var/lib/petiole"));
    await expect(publish(subject)).rejects.toMatchObject({ payload: expect.stringMatching(pattern) as string });
    await expect(publish(subject)).rejects.not.toMatchObject({ payload: expect.stringContaining("/var") as string });
  });

  test("publish leaves a fault of ours one", async ({ expect }) => {
    const { publish } = await setUp(new PetioleError("ERR_INVARIANT", "bug"));
    await expect(publish("chat")).rejects.toMatchObject({ code: "ERR_INVARIANT" });
  });

  test("parseLinkConfig() reports every fault with its path", ({ expect }) => {
    const provider = createMessagingNatsProvider(providerDeps());
    const parse = (): unknown =>
      provider.parseLinkConfig({
        lanes: [{ subject: "a..b", lane: "fast" }],
        subscriptions: [{ subject: "a.>.b", queue: "a b" }],
        extra: 1,
      });
    for (const path of [/lanes\[0\]\.subject/, /lanes\[0\]\.lane/, /subscriptions\[0\]\.queue/, /extra/]) {
      expect(parse).toThrow(path);
    }
  });
});

describe("a durable subscription", () => {
  interface Taken {
    readonly filter: string;
    readonly handle: (message: BusMessage) => Promise<void>;
  }

  const setUp = async () => {
    const taken: Taken[] = [];
    let ended = 0;
    const inbox: DurableMessages = {
      subscribe: (filter, handle) => {
        if (filter === "taken") throw new PetioleError("ERR_LINK_INVALID", "taken already");
        taken.push({ filter, handle });
        return { [Symbol.asyncDispose]: async () => void ended++ };
      },
    };
    const { clock, log } = providerDeps();
    const bus = createMemoryBus({ clock, log, queue: 1000 });
    const rig = await startProvider(createMessagingNatsProvider, {}, { services: { bus, inbox } });
    return { rig, taken, ended: () => ended };
  };

  test("takes from the inbox what its subject says, and passes the component's failures on", async ({ expect }) => {
    const { rig, taken, ended } = await setUp();
    await using _ = rig;
    const seen: unknown[] = [];
    const fault = new PetioleError("ERR_COMPONENT_TRAP", "it trapped");
    const link = await rig.bind({
      config: { subscriptions: [{ subject: "commands.>", durable: true }] },
      handler: (name, args) => {
        seen.push([name, ...args]);
        if (seen.length === 2) throw fault;
      },
    });
    expect(taken.map(({ filter }) => filter)).toEqual(["commands.>"]);
    await taken[0]?.handle(message("commands.lamp", "on"));
    const body = new Uint8Array(Buffer.from("on"));
    expect(seen).toMatchObject([["handle-message", { subject: "commands.lamp", body }]]);
    await expect(taken[0]?.handle(message("commands.lamp", "off"))).rejects.toBe(fault);
    await link[Symbol.asyncDispose]();
    expect(ended()).toBe(1);
  });

  test("that is refused ends those of its link that were made before", async ({ expect }) => {
    const { rig, ended } = await setUp();
    await using _ = rig;
    const subscriptions = ["free", "taken"].map((subject) => ({ subject, durable: true }));
    await expect(rig.bind({ config: { subscriptions }, handler: () => {} })).rejects.toThrow("taken already");
    expect(ended()).toBe(1);
  });

  test.for([
    [createMessagingNatsProvider, { subject: "a", durable: true, queue: "q" }, /no queue group/],
    [
      createMessagingNatsProvider,
      { subject: "a", durable: true, stream: { name: "S", consumer: "c" } },
      /neither durable/,
    ],
    [createMessagingNatsProvider, { subject: "a", queue: "q", stream: { name: "S", consumer: "c" } }, /nor of a queue/],
    [createMessagingNatsProvider, { subject: "a", stream: { name: "S.1", consumer: "c" } }, /want a name without dots/],
    [createMessagingNatsProvider, { subject: "a", stream: { name: "S" } }, /consumer/],
    [createMessagingMemoryProvider, { subject: "a", stream: { name: "S", consumer: "c" } }, /stream/],
    [createMessagingMemoryProvider, { subject: "a", durable: true }, /durable/],
  ] as const)("is refused where it makes no sense", ([create, subscription, fault], { expect }) => {
    const provider = create(providerDeps());
    expect(() => provider.parseLinkConfig({ subscriptions: [subscription] })).toThrow(fault);
  });
});
