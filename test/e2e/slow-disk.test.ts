// Contract: an agent whose disk takes two seconds for each flush starts, accepts what it must not lose, answers, and
// loses nothing. The fault is injected below the C library of the agent's process.

import { describe, test } from "vitest";
import { millis, minutes, seconds } from "../../src/domain/units.ts";
import { exampleComponent, startAgent, type TestAgent } from "../support/agent.ts";
import { buildFaultShim, createFaults } from "../support/fault-shim.ts";
import { freePort } from "../support/ports.ts";
import { startMqttSensor } from "../support/sensors.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const shim = buildFaultShim();
const mayNot = skipping("missing" in shim, "the agent on a slow disk", "missing" in shim ? shim.missing : "");

const rows = async (agent: TestAgent, name: string): Promise<number> =>
  (await agent.status()).outbox.lanes.find(({ lane }) => lane === name)?.rows ?? 0;

describe.skipIf(mayNot)("an agent on a disk that takes two seconds for each flush", () => {
  test("starts, stores critical messages, answers meanwhile, and has them all after a kill", async ({ expect }) => {
    await using faults = await createFaults();
    const port = await freePort();
    await using agent = await startAgent(
      {
        components: { smoother: { file: exampleComponent("smoother"), config: { limit: 1000 }, deadline: "5m" } },
        providers: {
          broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${port}` } } },
          bus: { type: "messaging-nats" },
          store: { type: "keyvalue-memory" },
        },
        links: [
          {
            from: "broker",
            to: "smoother",
            interfaces: ["wasmcloud:messaging/handler"],
            // The sensor hears of a message when the component has published: what is counted here are its messages.
            config: { subscriptions: [{ topic: "sensors/#", qos: 1 }], acknowledge: "handled" },
          },
          {
            from: "smoother",
            to: "bus",
            interfaces: ["wasmcloud:messaging/consumer"],
            config: { lanes: [{ subject: "readings.>", lane: "critical" }] },
          },
          { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
        ],
      },
      { env: faults.env, stateDir: faults.dir },
    );
    expect(await agent.stop("SIGTERM")).toBe(0);
    await faults.delaySyncs(seconds(2));
    await agent.start();
    const before = await faults.counts();
    await faults.delaySyncs(minutes(60));
    const sensor = startMqttSensor("boiler", `mqtt://127.0.0.1:${port}`);
    try {
      await waitFor("a flush to be under way", async () => (await faults.counts()).syncsStarted > before.syncsStarted);
      // The flush under way does not end before it is let go, and the agent answers all the same.
      expect((await agent.status()).state).toBe("running");
      const { syncsStarted, syncsFinished } = await faults.counts();
      expect(syncsStarted - syncsFinished).toBe(1);
      await faults.delaySyncs(seconds(2));
      await waitFor("three critical messages", async () => (await rows(agent, "critical")) >= 3);
    } finally {
      await sensor.stop();
    }
    const acknowledged = sensor.log.acknowledged.size;
    expect(acknowledged).toBeGreaterThan(0);
    await agent.stop("SIGKILL");
    await faults.delaySyncs(millis(0));
    await agent.start();
    // What the sensor has no answer for may be there as well.
    expect(await rows(agent, "critical")).toBeGreaterThanOrEqual(acknowledged);
    expect(await rows(agent, "critical")).toBeLessThanOrEqual(acknowledged + sensor.log.uncertain.size);
    expect(await agent.stop("SIGTERM")).toBe(0);
  });
});
