// From MQTT to a component and back to MQTT, against mqtt.js that passes messages on by itself: the same broker, QoS 1.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { MqttClient } from "mqtt";
import { startAgent } from "../../test/support/agent.ts";
import { findProgram, startMosquitto } from "../../test/support/mqtt.ts";
import { median, quantile, type Report } from "../frame.ts";
import { componentFile } from "./device.ts";
import { connectPromptly } from "./mqtt-client.ts";

const ROUNDS = 3;
const ONE_BY_ONE = 200;
const IN_FLIGHT = 32;
const WARM_UP_MS = 1000;
const MEASURED_MS = 3000;
const HANDLER = "wasmcloud:messaging/handler";
const CONSUMER = "wasmcloud:messaging/consumer";

interface Figures {
  readonly rate: number;
  /** Milliseconds of messages that were sent one after another. */
  readonly times: readonly number[];
}

export async function reportMqtt(report: Report): Promise<void> {
  const binary = findProgram("mosquitto");
  if (binary === undefined) throw new Error("Cannot measure MQTT: mosquitto is not installed");
  await using broker = await startMosquitto(binary, [
    "max_inflight_messages 1000",
    "max_queued_messages 10000",
    "set_tcp_nodelay true",
  ]);
  const subjects = {
    "mqtt.js alone": async () => await startPlain(broker.url),
    "component between, acknowledged once handled": async () => await startDevice(broker.url, "handled"),
    "component between, acknowledged once on disk": async () => await startDevice(broker.url, "stored"),
  };
  const found = new Map<string, Figures[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, start] of Object.entries(subjects)) {
      await using _ = await start();
      found.set(name, [...(found.get(name) ?? []), await measure(broker.url)]);
    }
  }
  const figures: readonly [string, string, (one: Figures) => number][] = [
    [`${IN_FLIGHT} in flight`, "msg/s", ({ rate }) => rate],
    ["one by one, p50", "ms", ({ times }) => quantile(times, 0.5)],
    ["one by one, p99", "ms", ({ times }) => quantile(times, 0.99)],
  ];
  for (const [figure, unit, of] of figures) {
    const values = [...found].map(([name, rounds]) => ({ name, value: median(rounds.map(of)) }));
    const [plain] = values;
    for (const { name, value } of values) {
      const ratio = name === plain?.name ? {} : { ratio: value / (plain?.value ?? Number.NaN) };
      report({ name: `MQTT to MQTT, ${name}: ${figure}`, value, unit, ...ratio });
    }
  }
}

async function startPlain(url: string): Promise<AsyncDisposable> {
  const main = fileURLToPath(new URL("mqtt-main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, url], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await once(child, "exit");
    },
  };
}

async function startDevice(url: string, acknowledge: "handled" | "stored"): Promise<AsyncDisposable> {
  const taking = { subscriptions: [{ topic: "bench/in" }], acknowledge };
  const agent = await startAgent({
    components: { relay: { file: componentFile("relay") } },
    providers: { broker: { type: "mqtt", config: { url, client_id: "device", clean: true } } },
    links: [
      { from: "broker", to: "relay", interfaces: [HANDLER], config: taking },
      { from: "relay", to: "broker", interfaces: [CONSUMER], config: { publish: { qos: 1 } } },
    ],
  });
  return agent;
}

async function measure(url: string): Promise<Figures> {
  const client = await connectPromptly(url, "load");
  try {
    const load = createLoad(client);
    await client.subscribeAsync("bench/out", { qos: 1 });
    await load.begin();
    await load.many(WARM_UP_MS, IN_FLIGHT);
    const times: number[] = [];
    for (let message = 0; message < ONE_BY_ONE; message += 1) times.push(await load.one());
    const started = performance.now();
    const passed = await load.many(MEASURED_MS, IN_FLIGHT);
    return { times, rate: passed / ((performance.now() - started) / 1000) };
  } finally {
    await client.endAsync();
  }
}

function createLoad(client: MqttClient) {
  const waiting = new Map<string, (at: number) => void>();
  let last = 0;
  client.on("message", (_topic, body) => {
    const id = body.toString("latin1", 0, 8);
    waiting.get(id)?.(performance.now());
    waiting.delete(id);
  });
  const one = async (): Promise<number> => {
    last += 1;
    const id = String(last).padStart(8, "0");
    const back = new Promise<number>((resolve) => waiting.set(id, resolve));
    const started = performance.now();
    client.publish("bench/in", id.padEnd(200, "x"), { qos: 1 });
    return (await back) - started;
  };
  return {
    one,
    /** Whoever passes messages on may not have subscribed yet: the first ones may be lost. */
    async begin(): Promise<void> {
      for (;;) {
        const late = new Promise<"late">((resolve) => setTimeout(resolve, 200, "late"));
        if ((await Promise.race([one(), late])) !== "late") return;
      }
    },
    /** Gives how many came back. */
    async many(milliseconds: number, inFlight: number): Promise<number> {
      const end = performance.now() + milliseconds;
      let passed = 0;
      const work = async (): Promise<void> => {
        while (performance.now() < end) {
          await one();
          passed += 1;
        }
      };
      await Promise.all(Array.from({ length: inFlight }, work));
      return passed;
    },
  };
}
