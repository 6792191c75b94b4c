// petiole on a device of the lab, as the lab sets it up: a button with a lamp on a chip of gpio-sim, a sensor on a serial line.

import { readFile } from "node:fs/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NodeConnectionOptions } from "@nats-io/transport-node";
import { stringify } from "yaml";
import { askAgent } from "../../../src/adapters/control/client.ts";
import type { OutboxReport } from "../../../src/domain/outbox-report.ts";
import type { AgentStatus } from "../../../src/domain/status.ts";
import { exampleComponent } from "../../support/agent.ts";
import { storedMessages } from "../../support/stored-messages.ts";
import { waitFor } from "../../support/wait-for.ts";
import type { Device } from "./device.ts";

/** Where the device finds the hub: a name that QEMU forwards. */
export const HUB = { address: "10.0.2.100", port: 4222, leafPort: 7422 } as const;
/** A leaf node, as devices are unless told otherwise. */
const LEAF = { mode: "leaf", urls: [`nats://${HUB.address}:${HUB.leafPort}`], domain: "hub" };
export const DIRECT = { mode: "direct", urls: [`nats://${HUB.address}:${HUB.port}`], domain: "hub" };
const COMPONENTS = ["button-lamp", "smoother"] as const;
/** A component is transpiled on the device, by a processor that another one plays. */
export const PATIENCE_MS = 10 * 60_000;
const BUTTON = 17;
const LAMP = 27;

const line = (number: number, file: string): string =>
  `/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio${number}/${file}`;

/** An emulated processor takes its time, and more so on a busy machine. */
export const PATIENT_UNIT = `[Service]
TimeoutStartSec=infinity
WatchdogSec=120
`;

export type HubAccess = Pick<NodeConnectionOptions, "servers" | "authenticator">;

/** The agent's. @param hub the way to the hub */
export function configuration(hub: Readonly<Record<string, unknown>> = LEAF): object {
  const file = (name: string): string => `/etc/petiole/${name}.wasm`;
  const keep = (from: string): object => ({
    from,
    to: "store",
    interfaces: ["wasi:keyvalue/store", "wasi:keyvalue/atomics"],
  });
  const send = (from: string, lanes: readonly object[]): object => ({
    from,
    to: "cloud",
    interfaces: ["wasmcloud:messaging/consumer"],
    config: { lanes },
  });
  return {
    device: { id: "lab-1" },
    state_dir: "/var/lib/petiole",
    cache_dir: "/var/cache/petiole",
    runtime_dir: "/run/petiole",
    hub: { ...hub, stream: { create: true } },
    components: {
      smoother: { file: file("smoother"), config: { factor: 0.3, limit: 75, hysteresis: 5 }, deadline: "30s" },
      "button-lamp": { file: file("button-lamp"), deadline: "30s" },
    },
    providers: {
      pins: {
        type: "gpio",
        config: {
          chip: { backend: "cdev", chip: "petiole-sim" },
          lines: {
            button: { line: BUTTON, direction: "input", edges: "both" },
            lamp: { line: LAMP, direction: "output" },
          },
        },
      },
      uart: { type: "serial", config: { ports: { tank: { path: "/dev/ttyS0", baud_rate: 115_200 } } } },
      store: { type: "keyvalue-sqlite" },
      cloud: { type: "messaging-nats" },
    },
    links: [
      { from: "uart", to: "smoother", interfaces: ["petiole:serial/frame-handler"], config: { ports: ["tank"] } },
      {
        from: "pins",
        to: "button-lamp",
        interfaces: ["petiole:gpio/edge-handler"],
        config: { lines: { button: "read" } },
      },
      { from: "button-lamp", to: "pins", interfaces: ["petiole:gpio/lines"], config: { lines: { lamp: "write" } } },
      keep("smoother"),
      keep("button-lamp"),
      send("smoother", [
        { subject: "alarms.>", lane: "critical" },
        { subject: "readings.>", lane: "standard" },
      ]),
      send("button-lamp", [{ subject: "events.>", lane: "critical" }]),
    ],
  };
}

/** Installs the package as dpkg does, and gives what dpkg said. */
export async function install(device: Device, file: string): Promise<string> {
  await device.exec("cat >/root/petiole.deb", { input: await readFile(file), seconds: 600 });
  return await device.exec("DEBIAN_FRONTEND=noninteractive dpkg -i /root/petiole.deb && rm /root/petiole.deb", {
    seconds: 900,
  });
}

/** Writes the configuration and the components to /etc/petiole. */
export async function configure(device: Device): Promise<void> {
  for (const name of COMPONENTS) {
    await device.exec(`cat >/etc/petiole/${name}.wasm`, { input: await readFile(exampleComponent(name)) });
  }
  await writeConfiguration(device, configuration());
  const unit = "/etc/systemd/system/petiole.service.d";
  await device.exec(`mkdir -p ${unit} && cat >${unit}/lab.conf && systemctl daemon-reload`, {
    input: Buffer.from(PATIENT_UNIT),
  });
}

export async function writeConfiguration(device: Device, config: object): Promise<void> {
  await device.exec("cat >/etc/petiole/petiole.yaml", { input: Buffer.from(stringify(config)) });
}

export const askStatus = (device: Device): Promise<AgentStatus> => askAgent(device.control, "status");

export const askOutbox = (device: Device): Promise<OutboxReport> => askAgent(device.control, "outbox");

/** The process answers, and all components and links work. */
export async function waitUntilRunning(
  device: Device,
  { without = [] }: { readonly without?: readonly string[] } = {},
): Promise<AgentStatus> {
  return await waitFor(
    "the agent and its components",
    async () => {
      const status = await askStatus(device);
      const parts = [...status.components, ...status.providers].filter(
        ({ id, state }) => state !== "running" && !without.includes(id),
      );
      const { links: all } = await askAgent(device.control, "links");
      const links = all.filter(
        ({ state, source, target }) => state !== "bound" && !without.includes(source) && !without.includes(target),
      );
      if (status.state === "running" && parts.length + links.length === 0) return status;
      throw new Error(JSON.stringify({ state: status.state, parts, links }));
    },
    PATIENCE_MS,
  );
}

/** The nats-server of the package runs, whose version is given. */
export async function waitForServer(device: Device): Promise<string> {
  return await waitFor(
    "the local nats-server",
    async () => {
      const { mode, server } = (await askStatus(device)).hub;
      if (mode === "leaf" && server !== undefined) return server;
      throw new Error(`${mode}, ${server}`);
    },
    PATIENCE_MS,
  ).then((version) => `nats-server ${version}`);
}

/** Presses the button and waits until the lamp is the other way round. */
export async function pressAndSee(device: Device): Promise<void> {
  const pull = line(BUTTON, "pull");
  const lamp = `cat ${line(LAMP, "value")}`;
  const before = await device.exec(lamp);
  await device.exec(`echo pull-up >${pull}; sleep 0.2; echo pull-down >${pull}; sleep 0.2`);
  await waitFor("the lamp to change", async () => (await device.exec(lamp)) !== before, 60_000);
}

/** Nothing waits for the hub any more. */
export async function waitUntilDrained(device: Device): Promise<void> {
  await waitFor(
    "the outbox to drain",
    async () => {
      const { hub, stats } = await askOutbox(device);
      if (hub.link === "online" && stats.lanes.every(({ rows }) => rows === 0)) return true;
      throw new Error(JSON.stringify({ hub, lanes: stats.lanes }));
    },
    PATIENCE_MS,
  );
}

/** Each has a body with a number that its component counted. */
interface Arrived {
  readonly subject: string;
  readonly body: string;
}

/** What the hub's stream holds, oldest first. */
export async function readStream(access: HubAccess): Promise<Arrived[]> {
  await using stack = new AsyncDisposableStack();
  const connection = await connect(access);
  stack.defer(() => connection.close());
  const messages = await storedMessages(await jetstreamManager(connection));
  return messages.map((message) => ({ subject: message.subject, body: message.string() }));
}

/** Numbers must be 1, 2, 3 and so on: none twice, none left out. */
export function expectCount(arrived: readonly Arrived[], subject: string, key: string, last: number): void {
  const found = arrived
    .filter((one) => one.subject.endsWith(subject))
    .map(({ body }) => (JSON.parse(body) as Readonly<Record<string, unknown>>)[key]);
  const wanted = Array.from({ length: last }, (_, index) => index + 1);
  if (found.join() !== wanted.join())
    throw new Error(`${subject} at the hub has ${key} ${found.join()}, want 1 to ${last}`);
}
