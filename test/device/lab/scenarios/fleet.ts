// A device becomes a member of a fleet, by the commands of the documentation on both sides.

import { join } from "node:path";
import {
  askStatus,
  configuration,
  DIRECT,
  expectCount,
  HUB,
  PATIENCE_MS,
  pressAndSee,
  readStream,
  waitUntilDrained,
  waitUntilRunning,
  writeConfiguration,
} from "../gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Scenario } from "../lab.ts";
import { startOperator } from "../operator.ts";

const DEVICE = "lab-1";

export const fleetScenario: Scenario = {
  name: "fleet",
  about: "a device enrols with a one-time token, keeps its place over a power cut, and is shut out when it is revoked",
  needs: ["install"],
  run: async (lab, { check, look }) => {
    const config = configuration({ ...DIRECT, enrolled: true });
    const address = `${HUB.address}:${HUB.port}`;
    const folder = join(lab.folder, "operator");
    await using operator = await startOperator({ folder, configuration: config, address });
    const services = { [HUB.port]: operator.hub.port };
    await using device = await lab.createDevice("fleet", { from: "install", services });
    const token = operator.token(DEVICE);
    /** Two of the installation wait in the outbox. */
    let presses = 2;
    const pressAndArrive = async (): Promise<void> => {
      await pressAndSee(device);
      presses += 1;
      // The lamp comes first: what the press publishes may not be in the outbox yet when that is empty.
      await waitFor(
        "the presses at the hub",
        async () => {
          await waitUntilDrained(device);
          expectCount(await readStream(operator.access), "events.button", "count", presses);
          return true;
        },
        PATIENCE_MS,
      );
    };

    await check("enrols with a token", async () => {
      const seconds = await device.start();
      await writeConfiguration(device, config);
      // A fleet out of reach, or an answer too late on an emulated processor, is worth another try: exit code 3.
      await waitFor(
        "the fleet to answer",
        async () => {
          const { status, output } = await device.try("petiole enrol --token-file -", { input: Buffer.from(token) });
          if (status === 3) throw new Error(output);
          return { status, output };
        },
        PATIENCE_MS,
      ).then(({ status, output }) => {
        if (status !== 0) throw new Error(`It ended with ${status}: ${output}`);
      });
      await device.exec("systemctl restart petiole", { seconds: 900 });
      await waitUntilRunning(device);
      return `${seconds.toFixed(0)} s to boot`;
    });
    await check("the hub gets what waited, and a press", async () => {
      await pressAndArrive();
      return `${presses} presses`;
    });
    await look("the fleet knows the device", async () => {
      if (!operator.devices().includes(DEVICE)) throw new Error(operator.devices());
      return undefined;
    });
    await check("a power cut takes no credentials", async () => {
      await device.cut();
      await device.start();
      await waitUntilRunning(device);
      await pressAndArrive();
      return undefined;
    });
    await look("a token for another device is refused", async () => {
      const again = "petiole enrol --force --token-file -";
      const { status, output } = await device.try(again, { input: Buffer.from(operator.token("another")) });
      if (status !== 2 || !output.includes("ERR_ENROL_REFUSED")) throw new Error(`It ended with ${status}: ${output}`);
      return undefined;
    });
    await check("a revoked device is shut out, and works on", async () => {
      operator.revoke(DEVICE);
      await waitFor("the link to end", async () => (await askStatus(device)).hub.link !== "online", PATIENCE_MS);
      await pressAndSee(device);
      return undefined;
    });
  },
};
