// New versions, in the field: of a component, and of the agent itself. Power goes in the middle of both.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { exampleComponent } from "../../../support/agent.ts";
import { askStatus, PATIENCE_MS, pressAndSee, waitUntilRunning } from "../gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Device } from "../device.ts";
import type { Scenario } from "../lab.ts";

const COMPONENT = "button-lamp";
/** A custom section, which means nothing: other bytes, the same component. */
const SECTION = Buffer.from([0x00, 0x04, 0x03, ...Buffer.from("lab")]);

async function waitForVersion(device: Device, digest: string, trial: boolean): Promise<void> {
  await waitFor(
    `${COMPONENT} to be ${digest}`,
    async () => {
      const found = (await askStatus(device)).components.find(({ id }) => id === COMPONENT);
      if (found?.digest === digest && (found.update?.state === "trial") === trial) return true;
      throw new Error(JSON.stringify(found));
    },
    PATIENCE_MS,
  );
}

export const updateScenario: Scenario = {
  name: "update",
  about: "a component gets a new version, and power goes in its trial",
  needs: ["install"],
  run: async (lab, { check }) => {
    await using device = await lab.createDevice("update", { from: "install" });
    const bytes = Buffer.concat([await readFile(exampleComponent(COMPONENT)), SECTION]);
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    await check("a component's new version is on trial", async () => {
      const seconds = await device.start();
      await waitUntilRunning(device);
      await device.exec("systemctl stop petiole", { seconds: 300 });
      await device.exec(`cat >/etc/petiole/${COMPONENT}.wasm`, { input: bytes });
      await device.exec("systemctl start petiole", { seconds: 900 });
      await waitForVersion(device, digest, true);
      return `${seconds.toFixed(0)} s to boot`;
    });
    await check("after a power cut the trial begins again", async () => {
      await device.cut();
      await device.start();
      await waitForVersion(device, digest, true);
      await pressAndSee(device);
      return undefined;
    });
    await check("accepted, it is the version that stays", async () => {
      await device.exec(`petiole update accept ${COMPONENT}`);
      await waitForVersion(device, digest, false);
      await device.cut();
      await device.start();
      await waitForVersion(device, digest, false);
      await pressAndSee(device);
      return undefined;
    });
  },
};
