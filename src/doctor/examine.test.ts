// Against a folder that stands for the root of a board.

import { generateKeyPairSync } from "node:crypto";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test as base } from "vitest";
import { tempFolder } from "../../test/support/processes.ts";
import { createOperator } from "../../test/support/operator.ts";
import { parseConfig } from "../config/parse.ts";
import { examineAddressSpace, examineBoard, examineLimits } from "./board.ts";
import { examineClock } from "./clock.ts";
import { examineDevices } from "./devices.ts";
import { examineDisk, examineWear } from "./disk.ts";
import { examinePapers } from "./expiry.ts";
import { worstLevel, type Finding } from "./finding.ts";
import { openMachine, type Machine } from "./machine.ts";
import { examineName } from "./name.ts";
import { examineRival, judgeServer } from "./server.ts";
import { agentUser, missingGroup } from "./user.ts";

type Files = Readonly<Record<string, string>>;

const test = base.extend<{ board: (files: Files) => Promise<Machine> }>({
  // oxlint-disable-next-line no-empty-pattern -- the form of a fixture without others
  board: async ({}, use) => {
    await using folder = await tempFolder();
    await use(async (files) => {
      for (const [path, text] of Object.entries(files)) {
        const file = join(folder.path, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
      return openMachine(folder.path);
    });
  },
});

const levels = (findings: readonly Finding[]): string[] => findings.map(({ check, level }) => `${check} ${level}`);

const PASSWD = "root:x:0:0::/root:/bin/sh\npetiole:x:990:990::/var/lib/petiole:/usr/sbin/nologin\n";
const GROUP = "root:x:0:\ndialout:x:20:petiole\ngpio:x:997:\npetiole:x:990:\n";

test("a board that lacks power and is hot is told of both", async ({ board, expect }) => {
  const machine = await board({
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/sys/kernel/osrelease": "6.12.25+rpt-rpi-v8\n",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005\n",
    "sys/class/thermal/thermal_zone0/temp": "84321\n",
    "proc/meminfo": "MemTotal:         931048 kB\nMemAvailable:      31200 kB\n",
  });
  const findings = examineBoard(machine);
  expect(levels(findings)).toEqual(["board ok", "power warning", "heat warning", "memory warning"]);
  expect(findings[0]?.message).toBe("Raspberry Pi 4 Model B Rev 1.4, kernel 6.12.25+rpt-rpi-v8");
  expect(findings[1]?.message).toMatch(/voltage is too low now.*slowed down now.*too low since boot/);
  expect(findings[2]?.message).toBe("84 °C");
});

test("the name of the package's configuration is a fault once there is a hub", async ({ expect }) => {
  const file = join(import.meta.dirname, "../../cross-build/deb/files/petiole.yaml");
  const packaged = parseConfig(await readFile(file, "utf8"), file).device.id;
  const parse = (id: string, hub: object): Finding[] =>
    examineName(parseConfig(JSON.stringify({ device: { id }, ...hub }), "petiole.yaml"));
  const hub = { hub: { mode: "direct", urls: ["nats://hub"] } };
  expect(levels(parse(packaged, hub))).toEqual(["name fault"]);
  expect(parse(packaged, {})).toEqual([]);
  expect(parse("boiler-7", hub)).toEqual([]);
});

test("a board that says nothing is not guessed at", async ({ board, expect }) => {
  const machine = await board({ "sys/devices/platform/soc/soc:firmware/get_throttled": "garbage" });
  expect(levels(examineBoard(machine))).toEqual(["board ok", "power unknown", "memory unknown"]);
  expect(
    levels(examineDisk(machine, { stateDir: "/var/lib/petiole", cacheDir: "/var/cache/petiole", growth: 0 })),
  ).toEqual(["disk unknown", "disk ok"]);
  expect(examineWear(machine, 0)).toEqual([]);
});

test("a file system that forgets, or cannot be written, is a fault", async ({ board, expect }) => {
  const at = async (mount: string): Promise<string | undefined> => {
    const machine = await board({ "proc/self/mountinfo": `36 35 0:1 / / ${mount}\n` });
    return examineDisk(machine, { stateDir: "/state", cacheDir: "/state", growth: 0 })[0]?.level;
  };
  expect(await at("rw - tmpfs tmpfs rw")).toBe("fault");
  expect(await at("rw - overlay overlay rw,upperdir=/upper")).toBe("warning");
  expect(await at("ro,noatime - ext4 /dev/mmcblk0p2 rw")).toBe("fault");
  expect(await at("rw - vfat /dev/sda1 rw")).toBe("warning");
  expect(await at("rw - ext4 /dev/mmcblk0p2 rw,commit=600")).toBe("note");
  expect(await at("rw,noatime - ext4 /dev/mmcblk0p2 rw")).toBe("ok");
});

test("a link leads to the disk that is judged", async ({ expect }) => {
  await using folder = await tempFolder();
  for (const path of ["proc/self", "data/petiole", "var/lib"])
    await mkdir(join(folder.path, path), { recursive: true });
  await symlink("../../data/petiole", join(folder.path, "var/lib/petiole"));
  const mounts = "36 35 0:1 / / rw - tmpfs tmpfs rw\n37 36 179:3 / /data rw - ext4 /dev/mmcblk0p3 rw\n";
  await writeFile(join(folder.path, "proc/self/mountinfo"), mounts);
  const machine = openMachine(folder.path);
  const needs = { cacheDir: "/data/petiole", growth: 0 };
  expect(examineDisk(machine, { ...needs, stateDir: "/var/lib/petiole" })[0]).toEqual({
    check: "disk",
    level: "ok",
    message: "/var/lib/petiole is on ext4 (/dev/mmcblk0p3)",
  });
  expect(examineDisk(machine, { ...needs, stateDir: "/var/lib/other" })[0]?.level).toBe("fault");
});

test("a disk that the outbox would fill is told before", async ({ board, expect }) => {
  const machine = await board({ "proc/self/mountinfo": "36 35 0:1 / / rw - ext4 /dev/mmcblk0p2 rw\n" });
  const small: Machine = { ...machine, space: () => ({ size: 1e9, free: 100e6, inodes: 1000, freeInodes: 10 }) };
  const needs = { stateDir: "/state", cacheDir: "/state", growth: 256e6 };
  expect(levels(examineDisk(small, needs))).toEqual(["disk ok", "disk warning", "disk warning"]);
  const full: Machine = { ...machine, space: () => ({ size: 1e9, free: 1e6, inodes: 0, freeInodes: 0 }) };
  expect(levels(examineDisk(full, needs))).toEqual(["disk ok", "disk fault"]);
});

test("the wear of an eMMC is what it tells; an SD card tells nothing", async ({ board, expect }) => {
  const machine = await board({
    "sys/block/mmcblk0/device/life_time": "0x03 0x09\n",
    "sys/block/mmcblk0/device/pre_eol_info": "0x02\n",
    "sys/block/mmcblk0/stat": "1 0 8 0 2 0 4096 0 0 0 0\n",
    "sys/block/mmcblk1/device/type": "SD\n",
    "sys/block/loop0/stat": "0 0 0 0 0 0 0 0\n",
  });
  const [emmc, card, ...rest] = examineWear(machine, 7200);
  expect(emmc?.level).toBe("warning");
  expect(emmc?.message).toBe(
    "mmcblk0: 80 to 90 % of its life time are used, 80 % of the spare blocks are used; 2 MiB written in 2.0 h since boot",
  );
  expect(card?.message).toBe("mmcblk1: an SD card does not tell its wear");
  expect(rest).toEqual([]);
});

test("who runs the agent, and what that user lacks", async ({ board, expect }) => {
  const machine = await board({ "etc/passwd": PASSWD, "etc/group": GROUP });
  const user = agentUser(machine, { uid: 0, groups: [0] });
  expect(user).toEqual({ name: "petiole", uid: 990, groups: [990, 20] });
  const device = (gid: number, mode: number) => ({ uid: 0, gid, mode, kind: "device" as const });
  expect(missingGroup(machine, user, device(20, 0o660))).toBeUndefined();
  expect(missingGroup(machine, user, device(997, 0o660))).toBe("gpio");
  expect(missingGroup(machine, user, device(20, 0o600))).toBe("dialout");
  expect(missingGroup(machine, user, device(0, 0o666))).toBeUndefined();
  const bare = await board({ "etc/passwd": "root:x:0:0::/root:/bin/sh\n" });
  expect(agentUser(bare, { uid: 0, groups: [0] }).name).toBe("root");
});

test("devices that are configured are looked for", async ({ board, expect }) => {
  const machine = await board({ "etc/passwd": PASSWD, "etc/group": GROUP, "dev/ttyUSB0": "no device" });
  const devices: Machine = {
    ...machine,
    access: (path) =>
      path === "/dev/gpiochip0" ? { uid: 0, gid: 997, mode: 0o660, kind: "device" } : machine.access(path),
    list: (path) => (path === "/dev" ? ["gpiochip0", "null"] : machine.list(path)),
  };
  const { providers } = parseConfig(
    `
device: { id: press-7 }
providers:
  named: { type: gpio, config: { chip: { backend: cdev, chip: pinctrl-rp1 } } }
  played: { type: gpio, config: { chip: { backend: simulated } } }
  line: { type: serial, config: { ports: { a: { path: /dev/ttyUSB0 }, b: { path: /dev/ttyUSB1 } } } }
  wire: { type: i2c, config: { bus: { backend: kernel, path: /dev/i2c-1 } } }
  odd: { type: modbus, config: 7 }
`,
    "/petiole.yaml",
  );
  const findings = examineDevices(devices, agentUser(devices, { uid: 0, groups: [] }), providers);
  expect(findings.map(({ message, remedy }) => [message, remedy?.split(",")[0]])).toEqual([
    ["named: petiole may not use /dev/gpiochip0, which the group gpio may", "usermod -a -G gpio petiole"],
    ["line: /dev/ttyUSB0 is no device", undefined],
    ["line: /dev/ttyUSB1 is not there", "plug it in"],
    ["wire: /dev/i2c-1 is not there", "plug it in"],
  ]);
});

test("credentials are judged by their end, and not at all without a clock", async ({ board, expect }) => {
  const operator = createOperator();
  const creds = (end?: { readonly expires: number }): string => operator.credentials({ name: "press-7", ...end });
  const machine = await board({
    "long.creds": creds({ expires: 100 * 86_400 }),
    "short.creds": creds({ expires: 5 * 86_400 }),
    "past.creds": creds({ expires: 1 }),
    "ever.creds": creds(),
    "garbage.creds": "garbage",
  });
  const at = (file: string, now: number | undefined) => examinePapers(machine, undefined, `/${file}.creds`, now);
  const level = (file: string, now: number | undefined = 10_000): string | undefined =>
    at(file, now).findings[0]?.level;
  expect(["long", "short", "past", "ever", "garbage", "none"].map((file) => level(file))).toEqual([
    "ok",
    "warning",
    "fault",
    "ok",
    "fault",
    "fault",
  ]);
  expect(at("past", undefined).findings[0]?.level).toBe("unknown");
  expect(at("short", 0).expiries).toEqual([{ what: "the credentials of the device", at: 5 * 86_400_000 }]);
  expect(at("garbage", 0).expiries).toEqual([]);
});

test("what this user may not read is unknown, not a fault", async ({ board, expect }) => {
  const machine = { ...(await board({})), isHidden: () => true };
  const { findings } = examinePapers(machine, undefined, "/var/lib/petiole/enrolment/device.creds", 0);
  expect(levels(findings)).toEqual(["credentials unknown"]);
});

test("files of TLS that are none are faults", async ({ board, expect }) => {
  const { publicKey } = generateKeyPairSync("ed25519");
  const machine = await board({ "key.pem": publicKey.export({ type: "spki", format: "pem" }) });
  const { hub } = parseConfig(
    `
device: { id: press-7 }
hub: { mode: direct, urls: ["tls://hub:4222"], tls: { ca_file: /key.pem, cert_file: /missing.pem, key_file: /key.pem } }
`,
    "/petiole.yaml",
  );
  expect(levels(examinePapers(machine, hub, undefined, 0).findings)).toEqual([
    "certificates fault",
    "certificates fault",
  ]);
});

test("the clock: what an agent says counts more than what the system does", async ({ board, expect }) => {
  const released = Date.parse("2026-11-01");
  const bare = await board({});
  expect(levels(examineClock(bare, undefined, released, 0))).toEqual(["clock fault", "clock note"]);
  const synced = await board({
    "run/systemd/timesync/synchronized": "",
    "sys/class/rtc/rtc0/since_epoch": "1790000000\n",
  });
  expect(levels(examineClock(synced, undefined, released, released + 1))).toEqual(["clock ok", "clock ok"]);
  const status = {
    state: "unsynced",
    wall: 0,
    by: undefined,
    reason: "nobody confirmed it",
    hubOffset: undefined,
  } as never;
  expect(examineClock(synced, status, released, released + 1)[0]).toMatchObject({
    level: "warning",
    message: "nobody confirmed it",
  });
});

test("limits of memory that the kernel ignores are told", async ({ board, expect }) => {
  const pi = await board({
    "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io pids\n",
    "proc/cmdline": "console=tty1 cgroup_disable=memory root=/dev/mmcblk0p2\n",
  });
  expect(examineLimits(pi)).toMatchObject({
    level: "warning",
    message: expect.stringMatching(/cgroup_disable=memory/),
  });
  const limited = await board({
    "sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
    "sys/fs/cgroup/system.slice/petiole.service/memory.max": "268435456\n",
    "sys/fs/cgroup/system.slice/petiole.service/memory.high": "201326592\n",
  });
  expect(examineLimits(limited)).toMatchObject({ level: "ok", message: "the service may take 256 MiB" });
});

test("address space and server", ({ expect }) => {
  expect(examineAddressSpace(Infinity, undefined).level).toBe("unknown");
  expect(examineAddressSpace(4 * 1024 ** 3, { count: 3, reserved: 3 * 1024 ** 3 })).toMatchObject({
    level: "warning",
    message: "4 GiB for instances; 3 run, room for 1 more of their kind",
  });
  expect(judgeServer({ server: undefined, refused: ["found nats-server 2.8.0"] }).level).toBe("fault");
  expect(worstLevel([])).toBe("ok");
});

test("a nats-server of the system that takes the port of ours is a fault", async ({ board, expect }) => {
  const debian = await board({ "etc/nats-server.conf": "host: 127.0.0.1\nport: 4222\n" });
  expect(examineRival(debian, "127.0.0.1:4222")).toEqual([]);
  const started = await board({ "etc/systemd/system/multi-user.target.wants/nats-server.service": "" });
  expect(levels(examineRival(started, "127.0.0.1:4222"))).toEqual(["nats-server fault"]);
  expect(examineRival(started, "127.0.0.1:4322")).toEqual([]);
});
