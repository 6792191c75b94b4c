// The agent as a service of systemd: what the unit promises, on a machine with systemd.

import { askStatus, PATIENCE_MS, waitUntilRunning } from "../gateway.ts";
import { waitFor } from "../../../support/wait-for.ts";
import type { Device } from "../device.ts";
import type { Scenario } from "../lab.ts";

/** Of 10; what systemd-analyze calls OK ends at 5. */
const MOST_EXPOSED = 2.5;
const CONTROL_GROUP = "/sys/fs/cgroup/system.slice/petiole.service";

async function property(device: Device, name: string): Promise<string> {
  return (await device.exec(`systemctl show petiole --property ${name} --value`)).trim();
}

/** Another process answers, started by systemd. */
async function waitForAnother(device: Device, pid: number): Promise<void> {
  await waitFor(
    "systemd to start the agent again",
    async () => {
      const status = await askStatus(device);
      return status.pid !== pid && status.state === "running";
    },
    PATIENCE_MS,
  );
}

const mebibytes = (bytes: string): string => `${(Number(bytes) / 1024 / 1024).toFixed(0)} MiB`;

interface Doctor {
  readonly findings: readonly { readonly check: string; readonly level: string; readonly message: string }[];
}

export const serviceScenario: Scenario = {
  name: "service",
  about: "readiness, watchdog, hardening, memory, doctor; the package is removed and purged",
  needs: ["install"],
  run: async (lab, { check, look, skip }) => {
    await using device = await lab.createDevice("service", { from: "install" });
    await check("boots with the agent", async () => {
      const seconds = await device.start();
      const begin = performance.now();
      await device.exec("systemctl is-active --quiet petiole || systemctl start petiole", { seconds: 300 });
      const ready = (performance.now() - begin) / 1000;
      await waitUntilRunning(device);
      return `${seconds.toFixed(0)} s, the unit ${ready.toFixed(0)} s later`;
    });
    await look("systemd knows when it is ready", async () => {
      const type = await property(device, "Type");
      if (type !== "notify") throw new Error(`Type=${type}, want notify`);
      return await property(device, "StatusText");
    });
    await look(`systemd-analyze security says ${MOST_EXPOSED} or less`, async () => {
      const text = await device.exec("systemd-analyze security petiole.service --no-pager | tail -1", { seconds: 300 });
      const level = Number(/: ([\d.]+) /.exec(text)?.[1]);
      if (!(level <= MOST_EXPOSED)) throw new Error(text);
      return String(level);
    });
    await look("memory is limited and measured", async () => {
      const [current = "", max = "", stat = ""] = (
        await device.exec(`cd ${CONTROL_GROUP}; cat memory.current memory.max; grep ^anon memory.stat`)
      ).split("\n");
      if (!/^\d+$/.test(max)) throw new Error(`memory.max is ${max}`);
      return `${mebibytes(current)} of ${mebibytes(max)}, ${mebibytes(stat.split(" ")[1] ?? "")} anonymous`;
    });
    await look("the journal has the agent's log", async () => {
      const entries = Number(await device.exec("journalctl --unit petiole --boot --output cat | wc -l"));
      if (!(entries > 0)) throw new Error("It has none");
      return `${entries} lines`;
    });
    await look("petiole doctor finds no fault", async () => {
      const { output } = await device.try("petiole doctor --json 2>/dev/null");
      const { findings } = JSON.parse(output) as Doctor;
      const told = findings
        .filter(({ level }) => level !== "ok")
        .map(({ check: what, level, message }) => `${level}: ${what}: ${message}`);
      if (findings.some(({ level }) => level === "fault")) throw new Error(told.join("; "));
      return told.join("; ");
    });
    if ((await property(device, "WatchdogUSec")) === "0") {
      skip("the watchdog starts an agent again that stands still", "the unit has none");
    } else {
      await look("the watchdog starts an agent again that stands still", async () => {
        const { pid } = await askStatus(device);
        const begin = performance.now();
        await device.exec(`kill -STOP ${pid}`);
        await waitForAnother(device, pid);
        const result = await device.exec("journalctl --unit petiole --boot | grep -c 'Watchdog timeout'");
        return `${((performance.now() - begin) / 1000).toFixed(0)} s, ${result.trim()} timeout`;
      });
    }
    await look("a killed agent is started again", async () => {
      const { pid } = await askStatus(device);
      await device.exec(`kill -KILL ${pid}`);
      await waitForAnother(device, pid);
      return undefined;
    });
    await look("removing the package keeps configuration and state, purging takes what it is told to", async () => {
      await device.exec("dpkg --remove petiole", { seconds: 300 });
      await device.exec("test -d /var/lib/petiole && test -e /etc/petiole/petiole.yaml && ! test -e /usr/bin/petiole");
      await device.exec("PETIOLE_PURGE_STATE=1 dpkg --purge petiole", { seconds: 300 });
      await device.exec("! test -e /etc/petiole/petiole.yaml && ! test -e /var/lib/petiole");
      return undefined;
    });
  },
};
