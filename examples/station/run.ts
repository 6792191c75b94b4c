// npm run example -- station: a pump station that goes on without the cloud, and tells it everything later.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect as connectNats } from "@nats-io/transport-node";
import { backlogOf } from "../../scripts/stage/agent.ts";
import { connectChip } from "../../scripts/stage/chip.ts";
import { buildExamples } from "../../scripts/stage/components.ts";
import { startDevice } from "../../scripts/stage/device.ts";
import type { Example } from "../../scripts/stage/example.ts";
import { HUB_STREAM, startHub } from "../../scripts/stage/hub.ts";
import { adaptManifest } from "../../scripts/stage/manifest.ts";
import type { Stage } from "../../scripts/stage/perform.ts";
import { connectMqttSender, createMqttSensor } from "../../scripts/stage/sensors.ts";
import { openStreamReader } from "../../scripts/stage/stored.ts";
import { untilAborted, waitUntil, withinLimit } from "../../scripts/stage/wait.ts";
import { freePort } from "../../test/support/ports.ts";
import { conclude } from "./story/conclusion.ts";
import { createMachine } from "./story/machine.ts";
import { openMeter } from "./story/meter.ts";
import type { Station } from "./story/station.ts";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const DEVICE = "pump-3";
/** A day of this story. */
const DAY = "2s";
/** Lines of the chip, as the manifest has them. */
const LINES = { acknowledge: 17, siren: 22, pump: 27 } as const;
const LIMIT_MS = 60_000;

export const example: Example = {
  summary: "a pump station offline: alarms and actuation on the spot, frequencies of vibration, a summary a day",
  async play(stage) {
    stage.screen.heading("station: a pump, its sensors, and a link that is not always there");
    const station = await build(stage);
    const stop = new AbortController();
    const sensors = Promise.all([station.hall, station.machine].map((one) => one.run(stop.signal)));
    // A sensor that fails ends the story.
    sensors.catch((error: unknown) => stage.fail(error));
    try {
      await online(stage, station);
      await offline(stage, station);
      await back(stage, station);
    } finally {
      stop.abort();
      station.meter.silence();
    }
    await untilAborted(sensors, stage.signal);
    const ok = await conclude(stage, station);
    return { ok, hints: hintsOf(station) };
  },
};

async function build(stage: Stage): Promise<Station> {
  const { own, folder, signal } = stage;
  await buildExamples(stage, ["examples/station"]);
  const hub = await startHub(stage);
  const meter = own(openMeter());
  const broker = `127.0.0.1:${await freePort()}`;
  const socket = join(folder, "chip.sock");
  const device = await startDevice(stage, { id: DEVICE, hub });
  const manifest = await adaptManifest(stage, `${FOLDER}application.yaml`, {
    "/dev/ttyUSB0": meter.path,
    "127.0.0.1:1883": broker,
    // A request that is repeated is another reading of the played meter: on a machine that is busy it gets more time.
    '"baud_rate": 19200': '"baud_rate": 19200, "timeout": "30s"',
    '{ "backend": "cdev", "chip": "pinctrl-rp1" }': JSON.stringify({
      backend: "simulated",
      lines: 28,
      control_socket: socket,
    }),
    '"cron": "0 0 * * *", "missed": "once"': `"every": "${DAY}"`,
  });
  await device.type("deploy", manifest);
  meter.start();
  const chip = own(await connectChip(socket));
  const sender = async (name: string) => own(await connectMqttSender(name, `mqtt://${broker}`, signal));
  let measured = 0;
  const plan = { sensor: "hall", interval: 150, measure: () => (210 + Math.round(3 * Math.sin(measured++ / 4))) / 10 };
  const connection = await connectNats({ servers: hub.url, name: "petiole example" });
  own({ [Symbol.asyncDispose]: async () => await connection.close() });
  return {
    device,
    hub: await openStreamReader({ connection, stream: HUB_STREAM, device: DEVICE }),
    link: hub.link,
    chip,
    meter,
    hall: createMqttSensor(plan, await sender("hall")),
    machine: createMachine(await sender("pump-vibration")),
    presses: 0,
  };
}

async function online(stage: Stage, station: Station): Promise<void> {
  stage.screen.heading("Online: the station learns what is usual");
  await readings(stage, station, 25);
  station.meter.spike();
  stage.screen.note("One reading of the meter is a spike: nobody is woken up for it");
  await readings(stage, station, 15);
  await tell(stage, station);
}

async function offline(stage: Stage, station: Station): Promise<void> {
  const { screen } = stage;
  const { chip, meter, machine, link } = station;
  screen.heading("The link to the cloud is cut");
  link.cut();
  await linkIs(stage, station, "offline");
  const [stopped, howling] = [chip.nextChange(LINES.pump), chip.nextChange(LINES.siren)];
  const from = meter.sent.length;
  meter.leak = true;
  machine.worn = true;
  const pump = await soon(stage, "the pump to be stopped", stopped);
  const at = performance.now();
  const siren = await soon(stage, "the siren", howling);
  if (pump || !siren)
    throw new Error(`The pump was switched ${pump ? "on" : "off"}, the siren ${siren ? "on" : "off"}`);
  // The first low reading may be a spike; the third is none.
  const seen = meter.sent[from + 2]?.at ?? at;
  screen.note(
    `A pipe bursts: the pump is off ${(at - seen).toFixed(1)} ms after the third low reading, and the siren howls`,
  );

  const silenced = chip.nextChange(LINES.siren);
  const pressed = performance.now();
  await chip.set(LINES.acknowledge, true);
  await soon(stage, "the siren to be silent", silenced);
  screen.note(
    `Somebody presses the button: silence after ${(performance.now() - pressed).toFixed(1)} ms, 5 of them to debounce`,
  );
  station.presses += 1;
  await chip.set(LINES.acknowledge, false);

  await readings(stage, station, 15);
  const windows = machine.sent.length + 3;
  await until(stage, "vibration of a worn bearing", () => machine.sent.length >= windows);
  const started = chip.nextChange(LINES.pump);
  meter.leak = false;
  if (!(await soon(stage, "the pump to run again", started))) throw new Error("The pump was stopped again");
  screen.note("The pipe is mended: the pump runs again. All of that without the cloud");
  await tell(stage, station);
}

async function back(stage: Stage, station: Station): Promise<void> {
  stage.screen.heading("The link is back");
  station.link.mend();
  station.machine.worn = false;
  await linkIs(stage, station, "online");
  await readings(stage, station, 15);
  await tell(stage, station);
}

/** Waits for so many further readings of the meter. */
async function readings(stage: Stage, { meter }: Station, count: number): Promise<void> {
  const enough = meter.sent.length + count;
  await until(stage, `${count} readings of the meter`, () => meter.sent.length >= enough);
}

async function linkIs(stage: Stage, { device }: Station, wanted: "online" | "offline"): Promise<void> {
  const reached = async (): Promise<boolean> => (await device.agent.status()).hub.link === wanted;
  await until(stage, `the agent to be ${wanted}`, reached);
}

async function until({ signal }: Stage, what: string, reached: () => boolean | Promise<boolean>): Promise<void> {
  const probe = async (): Promise<true | undefined> => ((await reached()) ? true : undefined);
  await waitUntil(what, probe, { every: 50, within: LIMIT_MS, signal });
}

const soon = async ({ signal }: Stage, what: string, change: Promise<boolean>): Promise<boolean> =>
  await untilAborted(withinLimit(what, LIMIT_MS, change), signal);

async function tell({ screen }: Stage, { device, meter, hall, machine, hub }: Station): Promise<void> {
  const { hub: link, outbox } = await device.agent.status().then((status) => ({
    hub: status.hub.link,
    outbox: backlogOf(status),
  }));
  const sent = `meter ${meter.sent.length}, hall ${hall.sent.length}, vibration ${machine.sent.length}`;
  screen.note(`${link.padEnd(8)} sensors sent: ${sent}   outbox ${outbox}   hub ${await hub.count()}`);
}

const hintsOf = ({ device }: Station): readonly (readonly [string, string])[] => [
  ["status", device.hint("status")],
  ["outbox", device.hint("outbox")],
  ["application", device.hint("apps", "station")],
];
