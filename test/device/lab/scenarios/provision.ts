// From a card to a device, as docs/provision.md tells it: systemd runs the script of the boot partition and boots again, the
// unit of the first boot sets the device up, power is cut while it waits for the hub. Then the device becomes a copy.

import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { prepareImage } from "../../../../src/cli/image/prepare.ts";
import { formatToken, parseToken } from "../../../../src/enrolment/token.ts";
import { startFleet } from "../../../support/fleet.ts";
import { waitFor } from "../../../support/wait-for.ts";
import { askStatus, HUB, PATIENCE_MS } from "../gateway.ts";
import type { Device } from "../device.ts";
import type { Scenario } from "../lab.ts";

const run = promisify(execFile);
const URL = `nats://${HUB.address}:${HUB.port}`;
const BOOT = "/boot/firmware";
const CMDLINE = "console=ttyAMA0 rootwait";

async function waitForLink(device: Device, link: string): Promise<string> {
  return await waitFor(
    `the link to be ${link}`,
    async () => {
      const { hub } = await askStatus(device);
      if (hub.link === link) return hub.reason ?? "";
      throw new Error(JSON.stringify(hub));
    },
    PATIENCE_MS,
  ).then(String);
}

const waitForText = async (device: Device, what: string, script: string, pattern: RegExp): Promise<void> => {
  await waitFor(
    what,
    async () => {
      const { output } = await device.try(script);
      if (pattern.test(output)) return true;
      throw new Error(output);
    },
    PATIENCE_MS,
  );
};

export const provisionScenario: Scenario = {
  name: "provision",
  about: "a prepared card installs the package, enrols over a power cut, and notices that it is a copy",
  run: async (lab, { check }) => {
    await using rig = await startFleet();
    await using _serving = rig.serve();
    // The device finds the hub elsewhere than this machine does.
    const token = (wanted: Parameters<typeof rig.token>[0]): string =>
      formatToken({ ...parseToken(rig.token({ lifetime: 24 * 3600, ...wanted })), urls: [URL] });
    const services = { [HUB.port]: rig.nats.port };

    await check("the card is prepared", async () => {
      await using device = await lab.createDevice("provision-card");
      const card = join(lab.folder, "card");
      await mkdir(card, { recursive: true });
      await writeFile(join(card, "cmdline.txt"), `${CMDLINE}\n`);
      const config = join(lab.folder, "lab-2.yaml");
      const hub = { mode: "direct", urls: [URL], domain: "hub", enrolled: true, stream: { create: true } };
      await writeFile(config, stringify({ device: { id: "lab-2" }, hub }));
      const { firstBoot } = await prepareImage(card, {
        config,
        token: token({ device: "lab-2" }),
        package: [lab.package()],
        firstBoot: "auto",
      });
      const { stdout } = await run("tar", ["-C", card, "-c", "."], { encoding: "buffer", maxBuffer: 256 * 1024 ** 2 });
      await device.start({ cable: "out" });
      // FAT makes every file executable.
      await device.exec(`mkdir -p ${BOOT} && tar -x -C ${BOOT} && chmod 755 ${BOOT}/petiole/*`, { input: stdout });
      await device.powerOff();
      return firstBoot;
    });
    await check("systemd runs the script, which installs the package, and boots again", async () => {
      const parameters = [
        `systemd.run=${BOOT}/petiole/firstrun.sh`,
        "systemd.run_success_action=reboot",
        "systemd.run_failure_action=reboot",
        "systemd.unit=kernel-command-line.target",
      ];
      await using device = await lab.createDevice("provision-first", { from: "provision-card", parameters });
      const end = await device.start({ cable: "out" }).then(
        () => "it is still there",
        (error: unknown) => String(error),
      );
      // A reboot ends the machine; the next one is the next device.
      if (!end.includes("went off")) throw new Error(end);
      return undefined;
    });
    await using device = await lab.createDevice("provision", { from: "provision-first", services });
    await check("the device boots, and works with its configuration, without the hub", async () => {
      const seconds = await device.start({ cable: "out" });
      const left = await device.exec(`cat ${BOOT}/cmdline.txt; ls ${BOOT}/petiole; cat ${BOOT}/petiole/firstrun.log`);
      if (!left.startsWith(`${CMDLINE}\n`) || left.includes("firstrun.sh")) throw new Error(left);
      await waitForText(device, "the first try", `cat ${BOOT}/petiole/result.txt`, /^failed: ERR_ENROL_UNREACHABLE/);
      // It runs with the configuration of the package until systemd has started it again.
      const named = async (): Promise<boolean> => (await askStatus(device)).device === "lab-2";
      await waitFor("the agent to take its name", named, PATIENCE_MS);
      await device.exec("systemctl is-active petiole-firstboot");
      return `${seconds.toFixed(0)} s`;
    });
    await check("after a power cut it enrols, and keeps no token", async () => {
      await device.cut();
      await device.start();
      await waitForText(device, "the enrolment", `cat ${BOOT}/petiole/result.txt`, /^ok: "lab-2" is enrolled/);
      await device.exec(`! test -e ${BOOT}/petiole/provision.yaml`);
      await waitForLink(device, "online");
      const owners = await device.exec(
        "find /var/lib/petiole ! -user petiole; stat -c '%U:%G %a' /etc/petiole/petiole.yaml",
      );
      if (owners.trim() !== "root:petiole 640") throw new Error(owners);
      return (await device.exec("systemctl show petiole-firstboot --property Result --value")).trim();
    });
    await check("as a copy it stays away from the hub, until it is enrolled itself", async () => {
      await device.exec("rm /etc/machine-id && systemd-machine-id-setup && systemctl restart petiole", {
        seconds: 300,
      });
      const reason = await waitForLink(device, "offline");
      if (!reason.startsWith("ERR_IDENTITY_MISMATCH")) throw new Error(reason);
      await device.exec(
        "cat >/run/token && petiole enrol --force --token-file /run/token && systemctl restart petiole",
        {
          input: Buffer.from(token({ device: "lab-2", replaces: true })),
          seconds: 300,
        },
      );
      await waitForLink(device, "online");
      return undefined;
    });
    await check("shuts down", async () => {
      await device.powerOff();
      return undefined;
    });
  },
};
