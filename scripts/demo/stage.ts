// Builds what the story needs: a hub, a link that can be cut, a device with its agent, and what is wired to it.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect as connectNats } from "@nats-io/transport-node";
import { freePort } from "../../test/support/ports.ts";
import { openPty } from "../../test/support/pty.ts";
import { commandFor, startAgent } from "../stage/agent.ts";
import { connectChip } from "../stage/chip.ts";
import { waitUntilReady } from "../stage/device.ts";
import { HUB_DOMAIN, HUB_STREAM, startHub } from "../stage/hub.ts";
import type { Ending, Stage as Surroundings } from "../stage/perform.ts";
import { DEVICE, renderConfig } from "./config.ts";
import { createPerson } from "./person.ts";
import { boilerTemperature, tankLevel } from "./profile.ts";
import { connectMqttSender, createMqttSensor, createSerialSensor } from "../stage/sensors.ts";
import { openStreamReader } from "../stage/stored.ts";
import type { Stage } from "./story.ts";

/** Milliseconds between readings. */
const BOILER_INTERVAL = 50;
const TANK_INTERVAL = 100;

export interface BuiltStage extends Stage, Pick<Ending, "hints"> {}

/** `seconds`: how long the sensors are going to send. */
export async function buildStage(surroundings: Surroundings, seconds: number): Promise<BuiltStage> {
  const { screen, folder, signal, own } = surroundings;
  const hub = await startHub(surroundings);
  const cable = own(openPty());

  const configFile = join(folder, "petiole.yaml");
  const logFile = join(folder, "agent.log");
  const [leafPort, monitorPort, brokerPort] = [await freePort(), await freePort(), await freePort()];
  const chipSocket = join(folder, "chip.sock");
  const config = renderConfig({
    folder,
    hubUrl: hub.leafUrl,
    domain: HUB_DOMAIN,
    natsServer: hub.natsServer,
    leafPort,
    monitorPort,
    brokerPort,
    serialPort: cable.path,
    chipSocket,
  });
  await writeFile(configFile, config);
  surroundings.log("The agent", logFile);
  const agent = await screen.task(
    "Agent",
    async () => own(await startAgent(configFile, logFile)),
    ({ pid }) => `process ${pid}, configured by ${configFile}`,
  );
  agent.ended.addEventListener("abort", () => surroundings.fail(agent.ended.reason));
  await screen.task(
    "Start-up",
    () => waitUntilReady(agent, true, signal),
    () => "the components run, the hub answers",
  );

  const start = performance.now();
  const progress = (): number => (performance.now() - start) / (seconds * 1000);
  const boilerPlan = { sensor: "boiler", interval: BOILER_INTERVAL, measure: () => boilerTemperature(progress()) };
  const tankPlan = { sensor: "tank", interval: TANK_INTERVAL, measure: () => tankLevel(progress()) };
  const sender = own(await connectMqttSender("demo-boiler", `mqtt://127.0.0.1:${brokerPort}`, signal));
  const chip = own(await connectChip(chipSocket));
  const connection = await connectNats({ servers: hub.url, name: "petiole demo" });
  own({ [Symbol.asyncDispose]: async () => await connection.close() });
  return {
    agent,
    boiler: createMqttSensor(boilerPlan, sender),
    tank: createSerialSensor(tankPlan, cable),
    person: createPerson(chip, Math.max(600, (seconds * 1000) / 20)),
    link: hub.link,
    hub: await openStreamReader({ connection, stream: HUB_STREAM, device: DEVICE }),
    hints: [
      ["status", commandFor(configFile, "status")],
      ["hub", hub.url],
      ["leaf", `nats://127.0.0.1:${leafPort}`],
      ["agent log", logFile],
    ],
  };
}
