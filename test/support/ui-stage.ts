// A device with something to look at, and its hub: for the tests of the live page and its pictures.

import { askAgent } from "../../src/adapters/control/client.ts";
import type { Lane } from "../../src/domain/outbox.ts";
import { exampleComponent, PETIOLE, startAgent, type TestAgent } from "./agent.ts";
import { startNats, type TestNats } from "./nats.ts";
import { freePort } from "./ports.ts";
import { spawnProcess } from "./processes.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";
import { waitFor } from "./wait-for.ts";

export interface UiStage extends AsyncDisposable {
  readonly agent: TestAgent;
  readonly hub: TestNats;
  /** Between the agent and the hub. */
  readonly link: TcpProxy;
  readonly url: string;
  /** Calls the component `counter` over HTTP. */
  call(): Promise<void>;
  publish(lane: Lane, count: number): Promise<void>;
}

/** Starts an agent with components and a hub, and `petiole ui` for it. */
export async function startUiStage(): Promise<UiStage> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await startNats({ jetstream: true }));
  const link = stack.use(await startTcpProxy({ port: hub.port }));
  const web = await freePort();
  const agent = stack.use(
    await startAgent({
      device: { id: "boiler-room" },
      hub: { mode: "direct", urls: [`nats://127.0.0.1:${link.port}`], stream: { create: true } },
      components: {
        counter: { file: exampleComponent("kvcounter") },
        smoother: { file: exampleComponent("smoother") },
        lamp: { file: exampleComponent("button-lamp") },
        // What somebody has yet to copy to the device.
        "cold-chain": { file: "/usr/share/petiole/components/cold-chain.wasm" },
      },
      providers: {
        web: { type: "http-server", config: { listen: `127.0.0.1:${web}` } },
        clock: { type: "timer" },
        broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${await freePort()}` } } },
        pins: {
          type: "gpio",
          config: {
            chip: { backend: "simulated", lines: 32 },
            lines: { button: { line: 17, direction: "input", edges: "both" }, lamp: { line: 27, direction: "output" } },
          },
        },
        store: { type: "keyvalue-sqlite" },
        cloud: { type: "messaging-nats" },
      },
      links: [
        { from: "web", to: "counter", interfaces: ["wasi:http/incoming-handler"] },
        {
          from: "clock",
          to: "counter",
          interfaces: ["petiole:timer/timer-handler"],
          config: { timers: { fast: { every: "500ms" } } },
        },
        { from: "counter", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
        {
          from: "broker",
          to: "smoother",
          interfaces: ["wasmcloud:messaging/handler"],
          config: { subscriptions: [{ topic: "sensors/#" }] },
        },
        { from: "smoother", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
        {
          from: "smoother",
          to: "cloud",
          interfaces: ["wasmcloud:messaging/consumer"],
          config: { lanes: [{ subject: ">", lane: "standard" }] },
        },
        {
          from: "pins",
          to: "lamp",
          interfaces: ["petiole:gpio/edge-handler"],
          config: { lines: { button: "read" } },
        },
        { from: "lamp", to: "pins", interfaces: ["petiole:gpio/lines"], config: { lines: { lamp: "write" } } },
        { from: "lamp", to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
        {
          from: "lamp",
          to: "cloud",
          interfaces: ["wasmcloud:messaging/consumer"],
          config: { lanes: [{ subject: ">", lane: "critical" }] },
        },
        {
          from: "cold-chain",
          to: "cloud",
          interfaces: ["wasmcloud:messaging/consumer"],
          config: { lanes: [{ subject: ">", lane: "critical" }] },
        },
      ],
    }),
  );
  const page = stack.use(await startUiCommand(["--socket", agent.socket]));
  await waitFor("the hub", async () => (await agent.status()).hub.link === "online", 60_000);
  const parts = stack.move();
  return {
    agent,
    hub,
    link,
    url: page.url,
    async call() {
      await fetch(`http://127.0.0.1:${web}/counters/door`, { method: "POST" });
    },
    async publish(lane, count) {
      const body = Buffer.from("47.3").toString("base64");
      for (let sent = 0; sent < count; sent += 1) {
        await askAgent(agent.socket, "outbox-publish", { params: { lane, subject: "readings.boiler", body } });
      }
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

export interface UiCommand extends AsyncDisposable {
  readonly url: string;
}

/** Starts `petiole ui` on a free port, and resolves when it says where the page is. */
export async function startUiCommand(args: readonly string[], program = PETIOLE): Promise<UiCommand> {
  const child = await spawnProcess(program, ["ui", "--listen", "127.0.0.1:0", ...args]);
  try {
    const url = await waitFor("the address of the page", () => /^http:\S+$/m.exec(child.output())?.[0], 60_000);
    return { url, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw new Error(`petiole ui does not say where the page is:\n${child.output()}`, { cause: error });
  }
}
