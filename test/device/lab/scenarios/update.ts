// New versions, in the field: of a component, and of the agent itself. Power goes in the middle of both.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { exampleComponent } from "../../../support/agent.ts";
import { join } from "node:path";
import {
  askStatus,
  configuration,
  PATIENCE_MS,
  pressAndSee,
  waitUntilRunning,
  writeConfiguration,
} from "../gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Device } from "../device.ts";
import type { Scenario } from "../lab.ts";
import { makeRelease } from "../release.ts";

const COMPONENT = "button-lamp";
/** A custom section, which means nothing: other bytes, the same component. */
const SECTION = Buffer.from([0x00, 0x04, 0x03, ...Buffer.from("lab")]);

const NEXT = "0.2.0";
const AGENT_UPDATE = {
  keys: [{ name: "release", file: "/etc/petiole/release.pub" }],
  settle: "30s",
  // There is no hub.
  offline_grace: "30s",
  limit: "30m",
};

async function waitForAgent(device: Device, version: string): Promise<void> {
  await waitFor(`the agent to be ${version}`, async () => (await askStatus(device)).version === version, PATIENCE_MS);
}

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
  about: "a component and the agent get new versions, and power goes in their trials",
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

    const release = await makeRelease(join(lab.folder, "release"), NEXT);
    await check("the agent takes a signed release, and starts it on trial", async () => {
      await device.exec("cat >/etc/petiole/release.pub", { input: release.key });
      await writeConfiguration(device, { ...configuration(), agent_update: AGENT_UPDATE });
      await device.exec("systemctl restart petiole", { seconds: 900 });
      await device.exec("cat >/root/petiole.release", { input: release.file, seconds: 900 });
      await device.exec("petiole agent update /root/petiole.release", { seconds: 1800 });
      await waitForAgent(device, NEXT);
      return `${(release.file.length / 1e6).toFixed(1)} MB`;
    });
    await check("after a power cut in its trial the new agent runs again, and is kept", async () => {
      await device.cut();
      await device.start();
      await waitForAgent(device, NEXT);
      await waitFor(
        "the trial to end",
        async () => {
          const versions = JSON.parse(await device.exec("petiole agent versions --json")) as {
            readonly trial?: unknown;
          };
          return versions.trial === undefined;
        },
        2 * PATIENCE_MS,
      );
      await waitForAgent(device, NEXT);
      await pressAndSee(device);
      return undefined;
    });
  },
};
