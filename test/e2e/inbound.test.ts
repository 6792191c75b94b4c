// Contract: commands that were sent while the device was away reach the component once each and in order, over a reboot,
// a hub that goes away in between, and an agent that is killed; and one that a component cannot handle is given up.

import { jetstream, jetstreamManager, type JetStreamClient, type JetStreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { exampleComponent, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { waitFor } from "../support/wait-for.ts";

interface Cloud extends AsyncDisposable {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  send(from: number, to: number): Promise<void>;
  /** Numbers of the commands that the component handled, as it reported them to the hub. */
  handled(): Promise<number[]>;
}

async function connectCloud(hub: TestNats): Promise<Cloud> {
  const connection = await connect({ servers: hub.url, maxReconnectAttempts: -1, reconnectTimeWait: 100 });
  const client = jetstream(connection, { domain: "hub" });
  const manager = await jetstreamManager(connection, { domain: "hub" });
  await manager.streams.add({ name: "COMMANDS", subjects: ["petiole-in.*.>"] });
  return {
    client,
    manager,
    send: async (from, to) => {
      for (let seq = from; seq <= to; seq++) {
        const command = JSON.stringify({ sensor: "boiler", seq, value: 20 });
        await waitFor(`the hub to take command ${seq}`, () =>
          client.publish("petiole-in.gw-1.commands.boiler", command, { msgID: `command-${seq}` }),
        );
      }
    },
    handled: async () => (await storedMessages(manager)).map((message) => message.json<{ seq: number }>().seq),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

async function startStation(hub: TestNats): Promise<TestAgent> {
  return await startAgent({
    hub: {
      urls: [hub.leafUrl],
      domain: "hub",
      stream: { create: true },
      inbox: { max_attempts: 2 },
      poll_interval: "200ms",
      echo_interval: "1s",
      echo_timeout: "1s",
    },
    leaf: { listen: `127.0.0.1:${await freePort()}`, monitor: `127.0.0.1:${await freePort()}` },
    components: { smoother: { file: exampleComponent("smoother") } },
    providers: { bus: { type: "messaging-nats" }, store: { type: "keyvalue-sqlite" } },
    links: [
      {
        from: "bus",
        to: "smoother",
        interfaces: ["wasmcloud:messaging/handler"],
        config: { subscriptions: [{ subject: "commands.>", durable: true }] },
      },
      {
        from: "smoother",
        to: "bus",
        interfaces: ["wasmcloud:messaging/consumer"],
        config: { lanes: [{ subject: ">", lane: "critical" }], max_body: "80B" },
      },
      { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
    ],
  });
}

const numbers = (to: number): number[] => Array.from({ length: to }, (_, index) => index + 1);

describe("commands to a device", () => {
  test("20 sent while the agent was off reach the component once each and in order", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    await using cloud = await connectCloud(hub);
    await using agent = await startStation(hub);
    await waitFor("the agent to fetch", async () => (await agent.status()).inbox.hub.state === "receiving");
    expect(await agent.stop("SIGTERM")).toBe(0);
    await cloud.send(1, 20);
    await agent.start();
    await waitFor("20 answers", async () => (await cloud.handled()).length >= 20);
    expect(await cloud.handled()).toEqual(numbers(20));
    const inbox = await waitFor("the inbox to be empty", async () => {
      const status = await agent.status();
      return status.inbox.waiting === 0 && status.inbox;
    });
    expect(inbox).toMatchObject({ waiting: 0, stored: 20, handled: 20, failures: 0, dead: [] });
    expect(inbox.hub).toEqual({ state: "receiving", stream: "COMMANDS" });
    const { stdout } = await petiole("status", "--config", agent.configFile);
    expect(stdout).toMatch(/INBOX +STATE .*\nCOMMANDS +receiving +0 /);
  });

  test("the hub away for a while: those sent meanwhile come as well", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    await using cloud = await connectCloud(hub);
    await using agent = await startStation(hub);
    await cloud.send(1, 5);
    await waitFor("5 answers", async () => (await cloud.handled()).length >= 5);
    await hub.kill();
    await waitFor("the agent to see it", async () => (await agent.status()).hub.link !== "online");
    await hub.restart();
    await cloud.send(6, 12);
    await waitFor("12 answers", async () => (await cloud.handled()).length >= 12);
    expect(await cloud.handled()).toEqual(numbers(12));
  });

  test("the agent killed again and again: none is lost, the order holds, and a repeat is counted", async ({
    expect,
  }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    await using cloud = await connectCloud(hub);
    await using agent = await startStation(hub);
    let repeats = 0;
    for (const goal of [30, 60, 90]) {
      await cloud.send(goal - 29, goal);
      await waitFor("some work", async () => (await agent.status()).inbox.handled >= 3);
      await agent.stop("SIGKILL");
      await agent.start();
      await waitFor("the work to be done", async () => {
        const { inbox } = await agent.status();
        return inbox.waiting === 0 && (await cloud.handled()).includes(goal);
      });
      ({ repeats } = (await agent.status()).inbox);
    }
    const handled = await cloud.handled();
    expect([...new Set(handled)]).toEqual(numbers(90));
    // Each kill may repeat the one command that was being handled, and no other.
    expect(handled.length - 90).toBeLessThanOrEqual(3);
    expect(repeats).toBeLessThanOrEqual(1);
  });

  test("a command that the component fails on is given up and shown; the next one is handled", async ({ expect }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    await using cloud = await connectCloud(hub);
    await using agent = await startStation(hub);
    // What the component publishes for it is larger than its link allows.
    const poison = JSON.stringify({ sensor: "a".repeat(60), seq: 1, value: 20 });
    await cloud.client.publish("petiole-in.gw-1.commands.boiler", poison);
    await cloud.send(2, 2);
    await waitFor("the answer", async () => (await cloud.handled()).includes(2));
    const { inbox } = await agent.status();
    expect(inbox.dead).toMatchObject([{ subject: "commands.boiler", stream: "COMMANDS", seq: 1, attempts: 2 }]);
    const { stdout } = await petiole("status", "--config", agent.configFile);
    expect(stdout).toContain("commands.boiler");
  });
});
