// Contract: components written in other languages than TypeScript do their work behind the real providers, as those in
// TypeScript do, and keep what they stored across a restart of the agent.

import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "vitest";
import { startAgent, type TestAgent } from "../support/agent.ts";
import { connectMqtt, type TestClient } from "../support/mqtt.ts";
import { freePort } from "../support/ports.ts";
import { openPty } from "../support/pty.ts";
import { skipping } from "../support/skip.ts";
import { waitFor } from "../support/wait-for.ts";

const FOLDER = resolve(import.meta.dirname, "../../examples/languages");
const LIMIT_MS = 240_000;
/** On a machine that does much else, CPython takes its time. */
const WAIT_MS = 90_000;

const fileOf = (language: string, component: string): string => join(FOLDER, language, "build", `${component}.wasm`);

const missing = (language: string, component: string): boolean =>
  skipping(
    !existsSync(fileOf(language, component)),
    `the example in ${language}`,
    `"npm run build:languages ${language}" has not built it, and says what it lacks`,
  );

interface MqttRig extends AsyncDisposable {
  readonly agent: TestAgent;
  /** A client of the agent's own broker, which has subscribed to `topic`. */
  connect(topic: string): Promise<TestClient>;
}

/** The component, with a broker to publish to and more as `config` says. */
async function startWithBroker(config: {
  readonly component: Readonly<Record<string, unknown>>;
  readonly providers?: Readonly<Record<string, unknown>>;
  readonly links: readonly Readonly<Record<string, unknown>>[];
}): Promise<MqttRig> {
  const port = await freePort();
  const agent = await startAgent({
    components: { example: config.component },
    providers: {
      broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${port}` } } },
      ...config.providers,
    },
    links: [{ from: "example", to: "broker", interfaces: ["wasmcloud:messaging/consumer"] }, ...config.links],
  });
  return {
    agent,
    async connect(topic) {
      const client = await connectMqtt(`mqtt://127.0.0.1:${port}`);
      await client.client.subscribeAsync(topic);
      return client;
    },
    [Symbol.asyncDispose]: async () => await agent[Symbol.asyncDispose](),
  };
}

const fromBroker = (topic: string): Readonly<Record<string, unknown>> => ({
  from: "broker",
  to: "example",
  interfaces: ["wasmcloud:messaging/handler"],
  config: { subscriptions: [{ topic, qos: 1 }] },
});

async function nextJson(
  { agent }: MqttRig,
  client: TestClient,
  count: number,
): Promise<{ readonly topic: string; readonly said: unknown }> {
  await waitFor(`message ${count} of the component`, () => client.received.all.length >= count, WAIT_MS).catch(
    (error: unknown) => {
      throw new Error(`The component says nothing; the agent said:\n${agent.output().slice(-4000)}`, { cause: error });
    },
  );
  const packet = client.received.all[count - 1];
  return { topic: packet?.topic ?? "", said: JSON.parse(String(packet?.payload)) };
}

describe("a component in Rust", () => {
  test.skipIf(missing("rust", "spectrum"))(
    "finds the frequencies of a vibration, and passes over what are no samples",
    async ({ expect }) => {
      await using rig = await startWithBroker({
        component: { file: fileOf("rust", "spectrum"), config: { rate: "1024" } },
        links: [fromBroker("vibration/#")],
      });
      await using client = await rig.connect("spectrum/#");
      const samples = new Int16Array(1024).map((_, at) =>
        Math.round(1000 * Math.sin((2 * Math.PI * 50 * at) / 1024) + 400 * Math.sin((2 * Math.PI * 150 * at) / 1024)),
      );
      await client.client.publishAsync("vibration/mill", "no samples", { qos: 1 });
      await client.client.publishAsync("vibration/mill", Buffer.from(samples.buffer), { qos: 1 });
      const { topic, said } = await nextJson(rig, client, 1);
      expect([topic, said]).toEqual([
        "spectrum/mill",
        {
          machine: "mill",
          rms: expect.closeTo(Math.hypot(1000, 400) / Math.SQRT2, 0),
          peaks: [
            { hz: 50, amplitude: expect.closeTo(1000, 0) },
            { hz: 150, amplitude: expect.closeTo(400, 0) },
          ],
        },
      ]);
      expect(rig.agent.output()).toContain('Cannot read the samples of \\"vibration/mill\\": found 10 bytes');
    },
    LIMIT_MS,
  );
});

describe("a component in C", () => {
  test.skipIf(missing("c", "nmea"))(
    "reads sentences from a serial port, and passes over those that are damaged",
    async ({ expect }) => {
      const pty = openPty();
      try {
        await using rig = await startWithBroker({
          component: { file: fileOf("c", "nmea") },
          providers: { uart: { type: "serial", config: { ports: { gps: { path: pty.path } } } } },
          links: [
            { from: "uart", to: "example", interfaces: ["petiole:serial/frame-handler"], config: { ports: ["gps"] } },
          ],
        });
        await using client = await rig.connect("#");
        pty.write("$GPGSV,1,1,00*79\r\n$WIMWV,043.5,R,07.5,M,A*11\r\n$WIMWV,043.5,R,07.5,M,A*10\r\n");
        pty.write("$GPRMC,220516,A,5133.82,N,00042.24,W,173.8,231.8,130694,004.2,W*70\r\n");
        expect(await nextJson(rig, client, 1)).toEqual({
          topic: "wind",
          said: { angle: 43.5, reference: "bow", speed: 7.5, unit: "m/s" },
        });
        expect(await nextJson(rig, client, 2)).toEqual({
          topic: "position",
          said: { time: "1994-06-13T22:05:16Z", latitude: 51.5636667, longitude: -0.704, knots: 173.8 },
        });
        expect(rig.agent.output()).toContain("Cannot read a sentence: its checksum does not fit");
      } finally {
        await pty.unplug();
      }
    },
    LIMIT_MS,
  );
});

/** CRC-16 as the meter computes it. */
function checksum(text: string): string {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) === 1 ? 0xa001 : 0);
  }
  return crc.toString(16).toUpperCase().padStart(4, "0");
}

function telegram(imported: string): string {
  const lines = [
    "/ISK5\\2M550T-1012",
    "",
    "0-0:1.0.0(260704120000S)",
    "0-0:96.1.1(4530303437)",
    `1-0:1.8.1(${imported}*kWh)`,
    "1-0:1.8.2(000100.001*kWh)",
    "1-0:2.8.1(000000.000*kWh)",
    "1-0:2.8.2(000007.500*kWh)",
    "1-0:1.7.0(00.428*kW)",
    "0-2:24.2.1(260704115500S)(00123.456*m3)",
    "!",
  ];
  const text = lines.join("\r\n");
  return `${text}${checksum(text)}\r\n`;
}

describe("a component in Python", () => {
  test.skipIf(missing("python", "meter"))(
    "reads the telegrams of a meter, and remembers the last one across a restart",
    async ({ expect }) => {
      await using rig = await startWithBroker({
        component: { file: fileOf("python", "meter"), deadline: "30s" },
        providers: { store: { type: "keyvalue-sqlite" } },
        links: [fromBroker("meters/#"), { from: "example", to: "store", interfaces: ["wasi:keyvalue/store"] }],
      });
      const reading = {
        meter: "E0047",
        time: "2026-07-04T12:00:00+02:00",
        exported: "7.500",
        power: "0.428",
        gas: "123.456",
      };
      {
        await using client = await rig.connect("energy/#");
        await client.client.publishAsync("meters/hall", telegram("001234.567").replace("428", "429"), { qos: 1 });
        await client.client.publishAsync("meters/hall", telegram("001234.567"), { qos: 1 });
        const { topic, said } = await nextJson(rig, client, 1);
        expect([topic, said]).toEqual(["energy/E0047", { ...reading, imported: "1334.568" }]);
      }
      expect(await rig.agent.stop("SIGTERM")).toBe(0);
      await rig.agent.start();
      await using client = await rig.connect("energy/#");
      await client.client.publishAsync("meters/hall", telegram("001234.817"), { qos: 1 });
      const { said } = await nextJson(rig, client, 1);
      expect(said).toEqual({ ...reading, imported: "1334.818", used: "0.250" });
      expect(rig.agent.output()).toMatch(/Cannot read the telegram of .*meters\/hall.*: its checksum is/);
    },
    LIMIT_MS,
  );
});

describe("a component in Go", () => {
  test.skipIf(missing("go", "logbook"))(
    "keeps a logbook behind HTTP, in order and across a restart",
    async ({ expect }) => {
      const port = await freePort();
      await using agent = await startAgent({
        components: { logbook: { file: fileOf("go", "logbook"), deadline: "30s" } },
        providers: {
          web: { type: "http-server", config: { listen: `127.0.0.1:${port}` } },
          store: { type: "keyvalue-sqlite" },
        },
        links: [
          { from: "web", to: "logbook", interfaces: ["wasi:http/incoming-handler"] },
          { from: "logbook", to: "store", interfaces: ["wasi:keyvalue/store"] },
        ],
      });
      const ask = async (path: string, init?: RequestInit): Promise<Response> =>
        await fetch(`http://127.0.0.1:${port}${path}`, init);
      const write = async (text: string): Promise<{ readonly id: string }> => {
        const response = await ask("/entries", { method: "POST", body: JSON.stringify({ author: "eve", text }) });
        expect([response.status, response.headers.get("content-type")]).toEqual([201, "application/json"]);
        return (await response.json()) as { readonly id: string };
      };
      const texts = async (): Promise<readonly string[]> =>
        ((await (await ask("/entries")).json()) as readonly { readonly text: string }[]).map(({ text }) => text);

      const { id } = await write("fuse replaced");
      // Enough for its garbage collector to have run more than once.
      for (let count = 0; count < 60; count++) await write(`${count} ${"x".repeat(3000)}`);
      expect(await ask(`/entries/${id}`).then(async (response) => await response.json())).toMatchObject({
        id,
        author: "eve",
        text: "fuse replaced",
      });
      expect((await texts()).map((text) => text.slice(0, 2).trim())).toEqual([
        ...Array.from({ length: 60 }, (_, count) => String(59 - count)),
        "fu",
      ]);
      expect(await agent.stop("SIGTERM")).toBe(0);
      await agent.start();
      expect((await texts()).at(-1)).toBe("fuse replaced");
      const refused = await ask(`/entries/${id}`, { method: "DELETE" });
      expect([refused.status, refused.headers.get("allow")]).toEqual([405, "GET"]);
      const statuses = [
        await ask("/entries", { method: "POST", body: "not JSON" }),
        await ask("/entries", { method: "POST", body: "x".repeat(5000) }),
        await ask("/nowhere"),
      ].map(({ status }) => status);
      expect(statuses).toEqual([400, 413, 404]);
    },
    LIMIT_MS,
  );
});
