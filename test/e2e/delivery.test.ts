// Contract: whatever happens to the hub, the link or the agent, the hub's stream ends up with every message that was
// promised to be durable, each once, and in order within its lane.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import type { AgentStatus } from "../../src/domain/status.ts";
import { exampleComponent, startAgent, type TestAgent } from "../support/agent.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { startMqttSensor, type MqttSensor } from "../support/sensors.ts";
import { waitFor } from "../support/wait-for.ts";

const SENSORS = ["boiler", "pump", "tank"];

interface Stored {
  readonly subject: string;
  /** Outbox sequence. */
  readonly seq: number;
  readonly store: string;
  readonly reading: { readonly sensor: string; readonly seq: number };
}

async function startStation(
  hub: TestNats,
  lane: "critical" | "standard",
  acknowledge: "stored" | "handled" = "handled",
): Promise<{ agent: TestAgent; mqttUrl: string }> {
  const [mqttPort, leafPort, monitorPort] = [await freePort(), await freePort(), await freePort()];
  const agent = await startAgent({
    hub: {
      urls: [hub.leafUrl],
      domain: "hub",
      stream: { create: true },
      poll_interval: "200ms",
      echo_interval: "1s",
      echo_timeout: "1s",
    },
    leaf: { listen: `127.0.0.1:${leafPort}`, monitor: `127.0.0.1:${monitorPort}` },
    components: { smoother: { file: exampleComponent("smoother"), config: { limit: 1000 } } },
    providers: {
      broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${mqttPort}` } } },
      bus: { type: "messaging-nats" },
      store: { type: "keyvalue-sqlite" },
    },
    links: [
      {
        from: "broker",
        to: "smoother",
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subscriptions: [{ topic: "sensors/#", qos: 1 }], acknowledge },
      },
      {
        from: "smoother",
        to: "bus",
        interfaces: ["wasmcloud:messaging/consumer"],
        config: { lanes: [{ subject: "readings.>", lane }] },
      },
      { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
    ],
  });
  return { agent, mqttUrl: `mqtt://127.0.0.1:${mqttPort}` };
}

async function readStream(hub: TestNats): Promise<Stored[]> {
  const connection = await connect({ servers: hub.url });
  try {
    const manager = await jetstreamManager(connection, { domain: "hub" });
    const { state } = await manager.streams.info("PETIOLE");
    if (state.messages === 0) return [];
    const consumer = await jetstream(connection, { domain: "hub" }).consumers.get("PETIOLE");
    const stored: Stored[] = [];
    // Ends by itself when nothing comes, so that a stream that cannot be read is a failure and not a hang.
    for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 10_000 })) {
      stored.push({
        subject: message.subject,
        seq: Number(message.headers?.get("Petiole-Seq")),
        store: message.headers?.get("Petiole-Store") ?? "",
        reading: message.json(),
      });
      if (message.info.pending === 0) break;
    }
    return stored;
  } finally {
    await connection.close();
  }
}

/** Waits for something of the agent; a failure shows what the agent said last. */
async function waitForAgent(
  agent: TestAgent,
  what: string,
  condition: (status: AgentStatus) => boolean,
): Promise<void> {
  await waitFor(what, async () => condition(await agent.status()), 30_000).catch(async (cause: unknown) => {
    const status = JSON.stringify(await agent.status().catch(String));
    throw new Error(`Waited in vain for ${what}: ${status}\n${agent.output().slice(-4000)}`, { cause });
  });
}

const online = async (agent: TestAgent): Promise<void> =>
  await waitForAgent(agent, "the link to be online", ({ hub }) => hub.link === "online");

const drained = async (agent: TestAgent): Promise<void> =>
  await waitForAgent(
    agent,
    "inbox and outbox to drain",
    ({ outbox, providers }) =>
      providers.every(({ inbox }) => (inbox?.waiting ?? 0) === 0) && outbox.lanes.every((lane) => lane.rows === 0),
  );

const count = (sensors: readonly MqttSensor[]): number =>
  sensors.reduce((sum, { log }) => sum + log.acknowledged.size, 0);

async function moreReadings(sensors: readonly MqttSensor[], more: number): Promise<void> {
  const from = count(sensors);
  await waitFor(`${more} more readings`, () => count(sensors) >= from + more, 25_000);
}

interface Verdict {
  readonly lost: readonly string[];
  readonly duplicates: readonly string[];
  readonly invented: readonly string[];
  readonly outOfOrder: readonly string[];
  /** Outbox sequences that did not grow, or came twice. */
  readonly badSequences: readonly number[];
}

function judge(sensors: readonly MqttSensor[], stored: readonly Stored[]): Verdict {
  const name = (sensor: string, seq: number): string => `${sensor} ${seq}`;
  const seen = new Map<string, number>();
  const last = new Map<string, number>();
  const outOfOrder: string[] = [];
  for (const { reading } of stored) {
    const key = name(reading.sensor, reading.seq);
    seen.set(key, (seen.get(key) ?? 0) + 1);
    if (reading.seq < (last.get(reading.sensor) ?? 0)) outOfOrder.push(key);
    last.set(reading.sensor, reading.seq);
  }
  const sent = new Set(
    sensors.flatMap(({ name: sensor, log }) => [...log.acknowledged, ...log.uncertain].map((seq) => name(sensor, seq))),
  );
  return {
    lost: sensors.flatMap(({ name: sensor, log }) =>
      [...log.acknowledged].map((seq) => name(sensor, seq)).filter((key) => !seen.has(key)),
    ),
    duplicates: [...seen].filter(([, times]) => times > 1).map(([key]) => key),
    invented: [...seen.keys()].filter((key) => !sent.has(key)),
    outOfOrder,
    badSequences: stored
      .filter(({ seq }, index) => index > 0 && seq <= (stored[index - 1]?.seq ?? 0))
      .map(({ seq }) => seq),
  };
}

const PERFECT: Verdict = { lost: [], duplicates: [], invented: [], outOfOrder: [], badSequences: [] };

/** Of a link, at a kill. */
const MOST_HANDED_AGAIN = 64;

describe("sensor to hub", () => {
  test("hub killed and restarted during load", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const { agent, mqttUrl } = await startStation(hub, "standard");
    await using _ = agent;
    await online(agent);
    await using sensors = startSensors(mqttUrl);
    await moreReadings(sensors.all, 100);
    await hub.kill("SIGKILL");
    await waitFor("the agent to see that the hub is gone", async () => (await agent.status()).hub.link !== "online");
    await moreReadings(sensors.all, 200);
    expect((await agent.status()).outbox.lanes.find((lane) => lane.lane === "standard")?.rows).toBeGreaterThan(100);
    await hub.restart();
    await moreReadings(sensors.all, 100);
    await sensors.stop();
    await drained(agent);
    const stored = await readStream(hub);
    expect(judge(sensors.all, stored)).toEqual(PERFECT);
    expect(stored.length).toBe(count(sensors.all));
  });

  test("hub frozen and thawed during load", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const { agent, mqttUrl } = await startStation(hub, "critical");
    await using _ = agent;
    await online(agent);
    await using sensors = startSensors(mqttUrl);
    await moreReadings(sensors.all, 50);
    hub.freeze();
    const frozen = await waitFor("the agent to see that the hub is silent", async () => {
      const { hub: link } = await agent.status();
      return link.link === "online" ? undefined : link;
    });
    expect(frozen).toMatchObject({ link: "degraded" });
    await moreReadings(sensors.all, 100);
    hub.thaw();
    await online(agent);
    await moreReadings(sensors.all, 50);
    await sensors.stop();
    await drained(agent);
    const stored = await readStream(hub);
    expect(judge(sensors.all, stored)).toEqual(PERFECT);
    expect(stored.length).toBe(count(sensors.all));
  });

  test("agent killed with -9 during load, three times: nothing that was acknowledged on the critical lane is lost", async ({
    expect,
  }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const { agent, mqttUrl } = await startStation(hub, "critical");
    await using _ = agent;
    await online(agent);
    await using sensors = startSensors(mqttUrl);
    for (let round = 0; round < 3; round++) {
      await moreReadings(sensors.all, 60);
      await agent.stop("SIGKILL");
      await agent.start();
    }
    await moreReadings(sensors.all, 60);
    await sensors.stop();
    await online(agent);
    await drained(agent);
    const stored = await readStream(hub);
    const once = [
      ...new Map(stored.toReversed().map((one) => [JSON.stringify(one.reading), one])).values(),
    ].toReversed();
    expect(judge(sensors.all, once)).toEqual(PERFECT);
    // What the component handled in the moment before a kill may be handed to it again: providers/mqtt/README.md.
    expect(stored.length - once.length).toBeLessThanOrEqual(3 * MOST_HANDED_AGAIN);
    expect(new Set(stored.map(({ store }) => store)).size).toBe(1);
  });

  test("agent killed with -9 during load: nothing that was acknowledged from the inbox is lost", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const { agent, mqttUrl } = await startStation(hub, "critical", "stored");
    await using _ = agent;
    await online(agent);
    await using sensors = startSensors(mqttUrl);
    await moreReadings(sensors.all, 60);
    await agent.stop("SIGKILL");
    await agent.start();
    await moreReadings(sensors.all, 60);
    await sensors.stop();
    await online(agent);
    await drained(agent);
    const { lost, invented, badSequences } = judge(sensors.all, await readStream(hub));
    expect({ lost, invented, badSequences }).toEqual({ lost: [], invented: [], badSequences: [] });
  });

  test("agent killed with -9 while the hub is away: what was acknowledged survives both", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const { agent, mqttUrl } = await startStation(hub, "critical");
    await using _ = agent;
    await online(agent);
    await using sensors = startSensors(mqttUrl);
    await moreReadings(sensors.all, 30);
    await hub.kill("SIGKILL");
    await moreReadings(sensors.all, 60);
    await agent.stop("SIGKILL");
    // Boots without the hub, and goes on taking readings.
    await agent.start();
    await moreReadings(sensors.all, 60);
    await hub.restart();
    await online(agent);
    await sensors.stop();
    await drained(agent);
    expect(judge(sensors.all, await readStream(hub))).toEqual(PERFECT);
  });

  test("agent stopped with SIGTERM during load: the standard lane loses nothing either", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const { agent, mqttUrl } = await startStation(hub, "standard", "stored");
    await using _ = agent;
    await online(agent);
    await using sensors = startSensors(mqttUrl);
    await moreReadings(sensors.all, 60);
    expect(await agent.stop("SIGTERM")).toBe(0);
    await agent.start();
    await moreReadings(sensors.all, 60);
    await sensors.stop();
    await online(agent);
    await drained(agent);
    expect(judge(sensors.all, await readStream(hub))).toEqual(PERFECT);
  });
});

interface Sensors extends AsyncDisposable {
  readonly all: readonly MqttSensor[];
  stop(): Promise<void>;
}

function startSensors(url: string): Sensors {
  const all = SENSORS.map((name) => startMqttSensor(name, url));
  const stop = async (): Promise<void> => {
    await Promise.all(all.map((sensor) => sensor.stop()));
  };
  return { all, stop, [Symbol.asyncDispose]: stop };
}
