// Contract: whatever a component does or is, the agent says so with a typed error, goes on, and so do the others.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import mqtt from "mqtt";
import { describe, test } from "vitest";
import type { AgentStatus } from "../../src/domain/status.ts";
import { fixtureComponent, startAgent, type TestAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

interface Station extends AsyncDisposable {
  readonly agent: TestAgent;
  /** Sends a message that component `name` gets as `command`. */
  send(name: string, command: string): Promise<void>;
  /** Resolves when the healthy component has answered a new message. */
  healthyAnswers(): Promise<void>;
}

/** An agent with two of the badly behaved component in one worker: `bad` does what it is told, `good` only passes on. */
async function startStation(): Promise<Station> {
  const port = await freePort();
  const component = { file: fixtureComponent("bare"), deadline: "1s", memory: "4MiB" };
  const subscribe = (name: string) => ({
    from: "broker",
    to: name,
    interfaces: ["wasmcloud:messaging/handler"],
    config: {
      subscriptions: ["loop", "trap", "memory", "pass"].map((command) => ({ topic: `${command}/${name}`, qos: 1 })),
      acknowledge: "handled",
    },
  });
  const publish = (name: string) => ({
    from: name,
    to: "bus",
    interfaces: ["wasmcloud:messaging/consumer"],
    config: { lanes: [{ subject: ">", lane: "critical" }] },
  });
  const agent = await startAgent({
    components: { bad: component, good: component },
    providers: {
      broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${port}` } } },
      bus: { type: "messaging-nats" },
    },
    links: [subscribe("bad"), subscribe("good"), publish("bad"), publish("good")],
  });
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
  return {
    agent,
    send: async (name, command) => void (await client.publishAsync(`${command}/${name}`, "x")),
    // With QoS 1 the broker acknowledges a message when the component has handled it.
    healthyAnswers: async () => void (await client.publishAsync("pass/good", "x", { qos: 1 })),
    async [Symbol.asyncDispose]() {
      await client.endAsync(true);
      await agent[Symbol.asyncDispose]();
    },
  };
}

async function statusOf(agent: TestAgent, id: string): Promise<AgentStatus["components"][number]> {
  const found = (await agent.status()).components.find((component) => component.id === id);
  if (found === undefined) throw new Error(`the status has no component "${id}"`);
  return found;
}

describe("a component that runs", () => {
  test.for([
    ["loops without end", "loop", "ERR_COMPONENT_DEADLINE"],
    ["traps", "trap", "ERR_COMPONENT_TRAP"],
    ["allocates without end", "memory", "ERR_COMPONENT_MEMORY"],
  ] as const)("and %s", async ([, command, code], { expect }) => {
    await using station = await startStation();
    const { agent } = station;
    await station.healthyAnswers();
    await station.send("bad", command);
    // While the guest is stuck the agent answers on its control socket.
    expect((await agent.status()).pid).toBe(agent.pid);
    const failed = await waitFor("the failure to be counted", async () => {
      const status = await statusOf(agent, "bad");
      return status.failures > 0 ? status : undefined;
    });
    expect(failed.failures).toBe(1);
    await waitFor("the log to name the error", () => agent.output().includes(`"code":"${code}"`));
    await station.healthyAnswers();
    expect((await statusOf(agent, "good")).failures).toBe(0);

    // The component itself is there again for the next call.
    const { calls } = await statusOf(agent, "bad");
    await station.send("bad", "pass");
    await waitFor("the component to work again", async () => {
      const status = await statusOf(agent, "bad");
      return status.calls > calls && status.failures === 1;
    });
    expect(await agent.stop("SIGTERM")).toBe(0);
  });
});

describe("a component that cannot start", () => {
  const good = { file: fixtureComponent("bare") };
  const bus = { bus: { type: "messaging-memory" } };
  const link = (from: string) => ({ from, to: "bus", interfaces: ["wasmcloud:messaging/consumer"] });

  test("is refused with the reason, beside others that run", async ({ expect }) => {
    await using folder = await tempFolder();
    const write = async (name: string, content: Uint8Array): Promise<string> => {
      const file = join(folder.path, name);
      await writeFile(file, content);
      return file;
    };
    const bytes = await readFile(good.file);
    const flipped = Uint8Array.from(bytes);
    const middle = Math.floor(flipped.length / 2);
    flipped.fill(0xff, middle, middle + 64);
    await using agent = await startAgent({
      components: {
        good,
        text: { file: await write("text.wasm", Buffer.from("#!/bin/sh\necho hello\n")) },
        empty: { file: await write("empty.wasm", new Uint8Array()) },
        core: { file: await write("core.wasm", Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)) },
        short: { file: await write("short.wasm", bytes.subarray(0, middle)) },
        flipped: { file: await write("flipped.wasm", flipped) },
        absent: { file: join(folder.path, "absent.wasm") },
        alone: good,
      },
      providers: bus,
      links: [link("good"), link("flipped")],
    });
    const found = await waitFor("every component to be decided", async () => {
      const { components } = await agent.status();
      return components.every(({ state }) => state !== "starting") ? components : undefined;
    });
    const outcome = Object.fromEntries(found.map(({ id, state, lastError }) => [id, lastError?.code ?? state]));
    expect(outcome).toEqual({
      good: "running",
      text: "ERR_COMPONENT_INVALID",
      empty: "ERR_COMPONENT_INVALID",
      core: "ERR_COMPONENT_INVALID",
      short: "ERR_COMPONENT_INVALID",
      flipped: "ERR_COMPONENT_INVALID",
      absent: "ERR_COMPONENT_UNREADABLE",
      alone: "ERR_LINK_MISSING",
    });
    const alone = found.find(({ id }) => id === "alone");
    expect(alone?.lastError?.message).toContain("imports wasmcloud:messaging/consumer@0.2.0");
    expect(await agent.stop("SIGTERM")).toBe(0);
  });
});
