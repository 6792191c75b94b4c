// Disks that are not to be written to: a root that is read-only with one place to write, and one that forgets everything.

import { askStatus, pressAndSee, waitUntilRunning } from "../gateway.ts";
import type { Scenario } from "../lab.ts";

const PARTITION = `
set -e
systemctl stop petiole
mkfs.ext4 -q /dev/vdb
mkdir /data
mount /dev/vdb /data
mkdir /data/state /data/cache
cp -a /var/lib/petiole/. /data/state/
cp -a /var/cache/petiole/. /data/cache/
chown --reference=/var/lib/petiole /data/state /data/cache
chmod 0700 /data/state /data/cache
umount /data
cat >/etc/fstab <<END
/dev/vda / ext4 ro,noatime 0 1
/dev/vdb /data ext4 rw,noatime,x-systemd.device-timeout=600 0 2
/data/state /var/lib/petiole none bind 0 0
/data/cache /var/cache/petiole none bind 0 0
tmpfs /tmp tmpfs nosuid,nodev 0 0
tmpfs /var/log tmpfs nosuid,nodev 0 0
tmpfs /var/tmp tmpfs nosuid,nodev 0 0
END
`;

export const storageScenario: Scenario = {
  name: "storage",
  about: "a read-only root with one partition to write to, and a root that forgets everything at power off",
  needs: ["install"],
  run: async (lab, { check }) => {
    await using device = await lab.createDevice("read-only", { from: "install", partition: "256M" });
    await check("the state moves to a partition of its own", async () => {
      await device.start();
      await device.exec("systemctl is-active petiole || systemctl start petiole", { seconds: 300 });
      await device.exec(PARTITION, { seconds: 300 });
      await device.powerOff();
      return undefined;
    });
    await check("boots with a read-only root, and works", async () => {
      await device.start();
      const { status } = await device.try("touch /etc/x");
      if (status === 0) throw new Error("The root can be written to");
      await waitUntilRunning(device);
      await pressAndSee(device);
      return undefined;
    });
    await check("keeps what it is given over a power cut", async () => {
      await device.exec("printf hello | petiole outbox publish alarms.boiler --lane critical");
      await device.cut();
      await device.start();
      await waitUntilRunning(device);
      const { outbox } = await askStatus(device);
      const rows = outbox.lanes.find(({ lane }) => lane === "critical")?.rows ?? 0;
      if (rows < 1) throw new Error("Nothing waits for the hub");
      return `${rows} messages wait`;
    });
    await device.powerOff();

    await using forgetful = await lab.createDevice("overlay", { from: "install", parameters: ["lab.overlay"] });
    await check("says that a root in memory forgets its state", async () => {
      await forgetful.start();
      await waitUntilRunning(forgetful);
      const status = await forgetful.exec("petiole status");
      const told = status.split("\n").find((text) => /overlay|memory|reboot/.test(text));
      if (told === undefined) throw new Error(status);
      return told.trim();
    });
  },
};
