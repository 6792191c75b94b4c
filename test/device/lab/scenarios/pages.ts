// A kernel with pages of 16 KiB, as Raspberry Pi OS has it on a Pi 5: a program whose parts lie at the usual distances does not start there.

import { waitForServer, waitUntilRunning } from "../gateway.ts";
import type { Scenario } from "../lab.ts";

export const pagesScenario: Scenario = {
  name: "pages-16k",
  about: "the same disk starts on a kernel with pages of 16 KiB",
  needs: ["install"],
  run: async (lab, { check }) => {
    const { largePages } = await lab.debian();
    await using device = await lab.createDevice("pages-16k", {
      from: "install",
      boot: largePages,
      // The processor of a Pi 5; that of a Pi 4 has no such pages.
      cpu: "cortex-a76",
    });
    await check("boots", async () => {
      const seconds = await device.start();
      const size = (await device.exec("getconf PAGESIZE")).trim();
      if (size !== "16384") throw new Error(`Pages have ${size} bytes`);
      return `${seconds.toFixed(0)} s, ${(await device.exec("uname -r")).trim()}`;
    });
    await check("the executable starts", async () => {
      const text = await device.exec("petiole version --json");
      return (JSON.parse(text) as { readonly node?: string }).node;
    });
    await check("the agent runs a component and a nats-server", async () => {
      await device.exec("systemctl restart petiole", { seconds: 300 });
      // This kernel has no gpio-sim.
      await waitUntilRunning(device, { without: ["pins", "button-lamp"] });
      return await waitForServer(device);
    });
  },
};
