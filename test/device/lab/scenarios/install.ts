// A new device: Debian boots for the first time, the package is installed, and the agent begins to work. The others
// begin with its disk.

import { basename } from "node:path";
import { configure, install, pressAndSee, waitForServer, waitUntilRunning } from "../gateway.ts";
import type { Scenario } from "../lab.ts";

export const installScenario: Scenario = {
  name: "install",
  about: "Debian with systemd boots, the package is installed, a component switches a lamp",
  run: async (lab, { check, look }) => {
    await using device = await lab.createDevice("install");
    await check("boots", async () => {
      const seconds = await device.start();
      await device.try("systemctl is-system-running --wait", { seconds: 600 });
      const failed = await device.exec("systemctl list-units --failed --plain --no-legend");
      if (failed.trim() !== "") throw new Error(failed);
      return `${seconds.toFixed(0)} s, ${(await device.exec("uname -r")).trim()}`;
    });
    await check("dpkg installs the package", async () => {
      await install(device, lab.package());
      return basename(lab.package());
    });
    await look("the executable tells its versions", async () => {
      const text = await device.exec("petiole version --json");
      return (JSON.parse(text) as { readonly petiole?: string }).petiole;
    });
    await check("takes a configuration", async () => {
      await configure(device);
      await device.exec("petiole config check /etc/petiole/petiole.yaml");
      return undefined;
    });
    await check("the service starts, and runs the components", async () => {
      const begin = performance.now();
      await device.exec("systemctl enable --quiet petiole && systemctl restart petiole", { seconds: 300 });
      const ready = (performance.now() - begin) / 1000;
      await waitUntilRunning(device);
      return `systemctl returned after ${ready.toFixed(0)} s, ${await waitForServer(device)}`;
    });
    await check("a press switches the lamp, without a hub", async () => {
      await pressAndSee(device);
      await pressAndSee(device);
      return undefined;
    });
    await check("shuts down", async () => {
      await device.powerOff();
      return undefined;
    });
  },
};
