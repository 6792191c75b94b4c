// The configuration that the demo's agent runs with: worth reading as an example.

import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { HUB_STREAM } from "../stage/hub.ts";
import { SETTINGS } from "./profile.ts";

export const DEVICE = "demo";
/** Lines of the simulated chip; the numbers are those of a Raspberry Pi's header. */
export const LINES = { button: 17, lamp: 27 } as const;

const CHIP_LINES = 28;

export interface DemoConfig {
  /** Folder for everything that the agent keeps. */
  readonly folder: string;
  /** URL at which leaf nodes reach the hub. */
  readonly hubUrl: string;
  readonly domain: string;
  readonly natsServer: string;
  readonly leafPort: number;
  readonly monitorPort: number;
  readonly brokerPort: number;
  readonly serialPort: string;
  readonly chipSocket: string;
}

/** Where `npm run build:examples` puts an example. */
export const exampleFile = (name: string): string =>
  fileURLToPath(new URL(`../../examples/${name}/build/${name}.wasm`, import.meta.url));

/** The text of `petiole.yaml`. */
export function renderConfig(demo: DemoConfig): string {
  return stringify({
    device: { id: DEVICE },
    state_dir: `${demo.folder}/state`,
    cache_dir: `${demo.folder}/cache`,
    runtime_dir: `${demo.folder}/run`,
    hub: {
      mode: "leaf",
      urls: [demo.hubUrl],
      domain: demo.domain,
      stream: { name: HUB_STREAM, create: true },
      // Short, so that the demo sees the link go and come back soon.
      poll_interval: "500ms",
      echo_interval: "2s",
      echo_timeout: "1s",
    },
    leaf: {
      listen: `127.0.0.1:${demo.leafPort}`,
      monitor: `127.0.0.1:${demo.monitorPort}`,
      server: demo.natsServer,
    },
    components: {
      smoother: { file: exampleFile("smoother"), config: SETTINGS },
      "button-lamp": { file: exampleFile("button-lamp") },
    },
    providers: {
      broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${demo.brokerPort}` } } },
      uart: { type: "serial", config: { ports: { tank: { path: demo.serialPort, baud_rate: 115_200 } } } },
      pins: { type: "gpio", config: gpio(demo) },
      store: { type: "keyvalue-sqlite" },
      hub: { type: "messaging-nats" },
    },
    links: [
      ...inputs(),
      ...["smoother", "button-lamp"].flatMap((component) => [
        { from: component, to: "store", interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"] },
        { from: component, to: "hub", interfaces: ["wasmcloud:messaging/consumer"], config: { lanes: LANES } },
      ]),
    ],
  });
}

const LANES = [
  { subject: "alarms.>", lane: "critical" },
  { subject: "events.>", lane: "critical" },
  { subject: "readings.>", lane: "standard" },
] as const;

function gpio({ chipSocket }: DemoConfig): unknown {
  return {
    chip: { backend: "simulated", lines: CHIP_LINES, control_socket: chipSocket },
    lines: {
      button: { line: LINES.button, direction: "input", edges: "both", debounce: "5ms" },
      lamp: { line: LINES.lamp, direction: "output" },
    },
  };
}

function inputs(): readonly unknown[] {
  return [
    {
      from: "broker",
      to: "smoother",
      interfaces: ["wasmcloud:messaging/handler"],
      // The table counts what comes twice, and the inbox hands over again what was handled when the agent is killed.
      config: { subscriptions: [{ topic: "sensors/#", qos: 1 }], acknowledge: "handled" },
    },
    { from: "uart", to: "smoother", interfaces: ["petiole:serial/frame-handler"], config: { ports: ["tank"] } },
    {
      from: "pins",
      to: "button-lamp",
      interfaces: ["petiole:gpio/edge-handler"],
      config: { lines: { button: "read" } },
    },
    { from: "button-lamp", to: "pins", interfaces: ["petiole:gpio/lines"], config: { lines: { lamp: "write" } } },
  ];
}
