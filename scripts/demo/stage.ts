// Builds what the story needs: a hub, a link that can be cut, a device with its agent, and what is wired to it.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectNats } from "@nats-io/transport-node";
import { startNats, type TestNats } from "../../test/support/nats.ts";
import { freePort } from "../../test/support/ports.ts";
import { openPty } from "../../test/support/pty.ts";
import { startTcpProxy } from "../../test/support/tcp-proxy.ts";
import { obtainNatsServer } from "../obtain-nats-server.ts";
import { startAgent } from "./agent.ts";
import { connectChip } from "./chip.ts";
import { DEVICE, renderConfig, STREAM } from "./config.ts";
import { createPerson } from "./person.ts";
import { boilerTemperature, tankLevel } from "./profile.ts";
import type { Screen } from "./screen.ts";
import { connectMqttSensor, createSerialSensor } from "./sensors.ts";
import { openStreamReader } from "./stored.ts";
import { waitUntilOnline, type Stage } from "./story.ts";
import { untilAborted } from "./wait.ts";

const HUB_DOMAIN = "hub";
/** Milliseconds between readings. */
const BOILER_INTERVAL = 50;
const TANK_INTERVAL = 100;

export interface StageOptions {
  readonly screen: Screen;
  readonly seconds: number;
  /** An empty folder for all files. */
  readonly folder: string;
  readonly logFile: string;
  readonly signal: AbortSignal;
}

export interface BuiltStage extends Stage, AsyncDisposable {
  readonly configFile: string;
  readonly hubUrl: string;
  readonly leafUrl: string;
}

export async function buildStage(options: StageOptions): Promise<BuiltStage> {
  await using stack = new AsyncDisposableStack();
  const { screen, folder, logFile, seconds } = options;

  const natsServer = await screen.task(
    "nats-server",
    // Building one may take a minute: Ctrl-C does not wait for it.
    () => untilAborted(obtainNatsServer({ env: process.env, progress: (line) => screen.note(line) }), options.signal),
    ({ path }) => path,
  );
  const hubLeafPort = await freePort();
  const link = stack.use(await startTcpProxy({ port: hubLeafPort }));
  const nats = await screen.task(
    "Hub",
    async () => stack.use(await startHub(natsServer.path, hubLeafPort, link.port)),
    ({ version, url }) => `version ${version} with JetStream, at ${url}`,
  );
  const cable = stack.use(openPty());

  const configFile = join(folder, "petiole.yaml");
  const [leafPort, monitorPort, brokerPort] = [await freePort(), await freePort(), await freePort()];
  const chipSocket = join(folder, "chip.sock");
  const config = renderConfig({
    folder,
    hubUrl: `nats-leaf://127.0.0.1:${link.port}`,
    domain: HUB_DOMAIN,
    natsServer: natsServer.path,
    leafPort,
    monitorPort,
    brokerPort,
    serialPort: cable.path,
    chipSocket,
  });
  await writeFile(configFile, config);
  const agent = await screen.task(
    "Agent",
    async () => stack.use(await startAgent(configFile, logFile)),
    ({ pid }) => `process ${pid}, configured by ${configFile}`,
  );
  const signal = AbortSignal.any([options.signal, agent.ended]);
  await screen.task(
    "Start-up",
    () => waitUntilOnline(agent, signal),
    () => "the components run, the hub answers",
  );

  const start = performance.now();
  const progress = (): number => (performance.now() - start) / (seconds * 1000);
  const boilerPlan = { sensor: "boiler", interval: BOILER_INTERVAL, measure: () => boilerTemperature(progress()) };
  const tankPlan = { sensor: "tank", interval: TANK_INTERVAL, measure: () => tankLevel(progress()) };
  const boiler = stack.use(await connectMqttSensor(boilerPlan, `mqtt://127.0.0.1:${brokerPort}`, signal));
  const chip = stack.use(await connectChip(chipSocket));
  const hub = await openHub(nats, stack);
  const built = stack.move();
  return {
    agent,
    boiler,
    tank: createSerialSensor(tankPlan, cable),
    person: createPerson(chip, Math.max(600, (seconds * 1000) / 20)),
    link,
    hub,
    configFile,
    hubUrl: nats.url,
    leafUrl: `nats://127.0.0.1:${leafPort}`,
    [Symbol.asyncDispose]: async () => await built.disposeAsync(),
  };
}

/** The hub tells leaf nodes where to find it. It is made to name the proxy: they would go around it otherwise. */
async function startHub(binary: string, leafPort: number, proxyPort: number): Promise<TestNats> {
  const config = `leafnodes { listen: "127.0.0.1:${leafPort}", advertise: "127.0.0.1:${proxyPort}" }`;
  return await startNats({ jetstream: true, domain: HUB_DOMAIN, config, binary });
}

async function openHub(nats: TestNats, stack: AsyncDisposableStack) {
  const connection = await connectNats({ servers: nats.url, name: "petiole demo" });
  stack.defer(async () => await connection.close());
  return await openStreamReader({ connection, stream: STREAM, device: DEVICE });
}
