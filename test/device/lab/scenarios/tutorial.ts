// docs/tutorial.md, followed word for word: the reader on this machine, and the device in the lab.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { packPackage, playTutorial, TUTORIAL } from "../../../../scripts/tutorial/play.ts";
import { reasonOf } from "../../../../src/lib/reason.ts";
import type { Remote } from "../../../../scripts/tutorial/remote.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Device } from "../device.ts";
import { askStatus, install, PATIENCE_MS, PATIENT_UNIT } from "../gateway.ts";
import type { Scenario } from "../lab.ts";

export const tutorialScenario: Scenario = {
  name: "tutorial",
  about: "what docs/tutorial.md tells its reader is done, from nothing to a component on the device",
  run: async (lab, { check, look }) => {
    await using device = await lab.createDevice("tutorial");
    await check("a device with petiole", async () => {
      await device.start();
      const unit = "/etc/systemd/system/petiole.service.d";
      await device.exec(`mkdir -p ${unit} && cat >${unit}/lab.conf`, { input: Buffer.from(PATIENT_UNIT) });
      await install(device, lab.package());
      await waitFor("the agent", async () => (await askStatus(device)).state === "running", PATIENCE_MS);
      return undefined;
    });
    const folder = join(lab.folder, "tutorial-package");
    await mkdir(folder);
    const tarball = await packPackage(folder);
    const lines: string[] = [];
    const say = (line: string): void => void lines.push(line);
    let running: number | undefined;
    await check("every step goes as it is written", async () => {
      const followed = await playTutorial({ document: TUTORIAL, tarball, say, remote: remoteOf(device) }).catch(
        (error: unknown) => {
          throw new Error(`${reasonOf(error)}\n${lines.join("\n")}`, { cause: error });
        },
      );
      running = followed.running;
      return followed.chapters.map(({ title, seconds }) => `${title} ${seconds.toFixed(0)} s`).join(", ");
    });
    await look("from nothing to a component that runs", async () => `${(running ?? 0).toFixed(0)} s`);
  },
};

/** Root stands for the reader's user there, who has sudo. */
function remoteOf(device: Device): Remote {
  return {
    async run(line) {
      const { status, output } = await device.try(`cd /root\n${CURL}\n${line}`, { seconds: 1800 });
      return { code: status, output };
    },
    async put(path, content) {
      await device.exec(`cd /root && cat >'${path}'`, { input: content, seconds: 600 });
    },
  };
}

/** Debian's smallest system has none. */
const CURL = `curl() {
  local url=\${!#} rest
  rest=\${url#http://}
  exec 3<>"/dev/tcp/\${rest%%:*}/$(expr "$rest" : '[^:]*:\\([0-9]*\\)')"
  printf 'GET /%s HTTP/1.0\\r\\nHost: device\\r\\n\\r\\n' "\${rest#*/}" >&3
  sed '1,/^\\r$/d' <&3
}`;
