// A device in the field: it reports to the hub, loses its link and its power in the middle of load, boots where there is no
// network, and at the end the hub must have everything once and in order.

import { connect } from "node:net";
import { once } from "node:events";
import { startNats } from "../../../support/nats.ts";
import { setTimeout } from "node:timers/promises";
import {
  expectCount,
  HUB,
  PATIENCE_MS,
  pressAndSee,
  readStream,
  waitUntilDrained,
  waitUntilRunning,
} from "../gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Device } from "../device.ts";
import type { Scenario } from "../lab.ts";
import { createLoad } from "../load.ts";

/** One reading after the other, as a sensor sends them. */
async function sendReadings(device: Device, from: number, to: number): Promise<void> {
  const line = connect(device.serial);
  await once(line, "connect");
  for (let number = from; number <= to; number += 1) {
    line.write(`tank,${number},${50 + number}\n`);
    await setTimeout(200);
  }
  line.end();
  await once(line, "close");
}

export const lifeScenario: Scenario = {
  name: "life",
  about: "link and power are cut in the middle of load; the hub has everything once and in order",
  needs: ["install"],
  run: async (lab, { check }) => {
    await using hub = await startNats({ jetstream: true, domain: "hub", leafnodes: true });
    const services = { [HUB.leafPort]: hub.leafPort };
    await using device = await lab.createDevice("life", { from: "install", services });
    await using load = createLoad(device, 1);
    /** Two of the installation wait in the outbox. */
    let presses = 2;
    let readings = 0;
    const pressOnce = async (): Promise<void> => {
      await pressAndSee(device);
      presses += 1;
    };
    const read = async (count: number): Promise<void> => {
      await sendReadings(device, readings + 1, readings + count);
      readings += count;
    };

    await check("boots with the agent, and delivers what waited", async () => {
      const seconds = await device.start();
      await waitUntilRunning(device);
      await waitUntilDrained(device);
      return `${seconds.toFixed(0)} s`;
    });
    await check("a press and readings of a serial line arrive", async () => {
      await pressOnce();
      await read(5);
      await waitFor(
        "the readings at the hub",
        async () => {
          const arrived = await readStream({ servers: hub.url });
          expectCount(arrived, "events.button", "count", presses);
          expectCount(arrived, "readings.tank", "seq", readings);
          return true;
        },
        PATIENCE_MS,
      );
      return undefined;
    });
    await check("the cable is out for 20 s under load", async () => {
      await load.during(async () => {
        await load.accepted(20);
        await device.cable("out");
        await Promise.all([load.accepted(60), setTimeout(20_000)]);
        await pressOnce();
        await device.cable("in");
        await load.accepted(20);
      });
      await waitUntilDrained(device);
      return undefined;
    });
    await check("power is cut under load, online", async () => {
      await load.during(async () => {
        await load.accepted(80);
        await load.cut();
      });
      const seconds = await device.start();
      await waitUntilRunning(device);
      return `back after ${seconds.toFixed(0)} s`;
    });
    await check("power is cut under load, offline; it boots offline and works", async () => {
      await load.during(async () => {
        await device.cable("out");
        await load.accepted(80);
        await load.cut();
      });
      const seconds = await device.start({ cable: "out" });
      await waitUntilRunning(device);
      await pressOnce();
      await load.during(() => load.accepted(40));
      return `back after ${seconds.toFixed(0)} s`;
    });
    await check("power is cut while the outbox drains", async () => {
      await load.during(async () => {
        await device.cable("in");
        await load.accepted(10);
        await load.cut();
      });
      const seconds = await device.start();
      await waitUntilRunning(device);
      return `back after ${seconds.toFixed(0)} s`;
    });
    await check("the hub has every message once and in order, or the ledger has it", async () => {
      await waitUntilDrained(device);
      const { summary } = await load.judge(hub.url);
      return summary;
    });
    await check("the hub has every press and every reading once and in order", async () => {
      const arrived = await readStream({ servers: hub.url });
      expectCount(arrived, "events.button", "count", presses);
      expectCount(arrived, "readings.tank", "seq", readings);
      return `${presses} presses, ${readings} readings`;
    });
  },
};
