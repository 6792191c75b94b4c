import { describe, test } from "vitest";
import { PetioleError } from "../../src/domain/errors.ts";
import type { OutboxMessage } from "../../src/domain/outbox.ts";
import type { Outbox } from "../../src/provider/services.ts";
import { providerDeps, startProvider } from "../../test/support/provider-rig.ts";
import { createOutboxProvider } from "./index.ts";

const PUBLISHER = "petiole:outbox/publisher";
const LANES = [
  { subject: "alarms.>", lane: "critical" },
  { subject: "readings.*", lane: "standard", ttl: "10m" },
  { subject: "readings.fast", lane: "critical" },
];

async function setUp(fail?: PetioleError, config: object = {}) {
  const stored: OutboxMessage[] = [];
  const outbox: Outbox = {
    publish: async (message) => {
      if (fail !== undefined) throw fail;
      stored.push(message);
      return { outcome: message.lane === "critical" ? "durable" : "volatile", seq: 40 + stored.length };
    },
    stats: async () => await Promise.reject(new Error("not used")),
    ledger: async () => [],
  };
  const rig = await startProvider(createOutboxProvider, {}, { services: { outbox } });
  const link = await rig.bind({ component: "smoother", config: { lanes: LANES, ...config } });
  const publish = async (
    subject: string,
    { headers = [], ttl, body = new Uint8Array([1]) }: { headers?: object; ttl?: bigint; body?: Uint8Array } = {},
  ): Promise<unknown> => await link.call(PUBLISHER, "publish", subject, headers, body, ttl);
  return { stored, publish };
}

describe("createOutboxProvider()", () => {
  test("publish takes the lane of the first rule that fits, and hands out the receipt", async ({ expect }) => {
    const { stored, publish } = await setUp();
    expect(await publish("alarms.a.b", { headers: [["Unit", "bar"]] })).toEqual({ outcome: "durable", sequence: 41n });
    expect(await publish("readings.fast")).toEqual({ outcome: "volatile", sequence: 42n });
    expect(stored).toEqual([
      {
        lane: "critical",
        subject: "alarms.a.b",
        headers: { Unit: "bar" },
        body: new Uint8Array([1]),
        owner: "smoother",
        ttl: undefined,
      },
      {
        lane: "standard",
        subject: "readings.fast",
        headers: {},
        body: new Uint8Array([1]),
        owner: "smoother",
        ttl: 600_000,
      },
    ]);
  });

  test.for([
    ["alarms.a", undefined, undefined],
    ["alarms.a", 5000n, 5000],
    ["alarms.a", 2n ** 64n - 1n, Number.MAX_SAFE_INTEGER],
    ["alarms.a", 0n, 1],
    ["readings.a", undefined, 600_000],
    ["readings.a", 5000n, 5000],
    ["readings.a", 600_001n, 600_000],
  ] as const)("publish to %s with a ttl of %s stores it with %s", async ([subject, ttl, wanted], { expect }) => {
    const { stored, publish } = await setUp();
    await publish(subject, ttl === undefined ? {} : { ttl });
    expect(stored[0]?.ttl).toBe(wanted);
  });

  test.for([
    ["a..b", {}, "invalid-subject"],
    ["alarms.*", {}, "invalid-subject"],
    ["chat", {}, "not-granted"],
    ["readings.a.b", {}, "not-granted"],
    ["alarms.a", { headers: [["Nats-Msg-Id", "1"]] }, "invalid-header"],
    ["alarms.a", { headers: [["origin-petiole", "device=gw-2"]] }, "invalid-header"],
    ["alarms.a", { headers: [["a", "1\r\nb: 2"]] }, "invalid-header"],
    ["alarms.a", { body: new Uint8Array(1025) }, "too-large"],
  ] as const)("publish to %s with %j fails with %3$s", async ([subject, more, code], { expect }) => {
    const { stored, publish } = await setUp(undefined, { max_body: "1KiB" });
    await expect(publish(subject, more)).rejects.toMatchObject({ payload: code });
    expect(stored).toEqual([]);
  });

  test.for([
    ["ERR_OUTBOX_SHED", "shed"],
    ["ERR_OUTBOX_FULL", "full"],
    ["ERR_OUTBOX_QUOTA", "quota-exceeded"],
    ["ERR_STORE_VOLATILE", "unavailable"],
    ["ERR_OUTBOX_TOO_LARGE", "too-large"],
    ["ERR_STORE_FAILED", "unavailable"],
  ] as const)("publish with %s fails with %s", async ([code, payload], { expect }) => {
    const { publish } = await setUp(new PetioleError(code, "at /var/lib/petiole"));
    await expect(publish("alarms.a")).rejects.toMatchObject({ payload });
  });

  test("publish leaves a fault of ours one", async ({ expect }) => {
    const { publish } = await setUp(new PetioleError("ERR_INVARIANT", "bug"));
    await expect(publish("alarms.a")).rejects.toMatchObject({ code: "ERR_INVARIANT" });
  });

  test("parseLinkConfig() wants lanes, and reports every fault with its path", ({ expect }) => {
    const provider = createOutboxProvider(providerDeps());
    expect(() => provider.parseLinkConfig({})).toThrow(/lanes/);
    expect(() => provider.parseLinkConfig({ lanes: [] })).toThrow(/lanes/);
    const parse = (): unknown =>
      provider.parseLinkConfig({ lanes: [{ subject: "a..b", lane: "fast", ttl: "soon" }], extra: 1 });
    for (const path of [/lanes\[0\]\.subject/, /lanes\[0\]\.lane/, /lanes\[0\]\.ttl/, /extra/]) {
      expect(parse).toThrow(path);
    }
  });
});
