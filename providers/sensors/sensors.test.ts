import { spawnSync } from "node:child_process";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createMailbox } from "../../test/support/mailbox.ts";
import { tempFolder } from "../../test/support/processes.ts";
import { bindLink, providerDeps, startProvider, type Rig, type RigOptions } from "../../test/support/provider-rig.ts";
import { waitFor } from "../../test/support/wait-for.ts";
import { seconds } from "#provider";
import { createSensorsProvider } from "./index.ts";

const READER = "petiole:sensors/reader";

const SENSORS = {
  cpu: { hwmon: "cpu_thermal", channel: "temp1" },
  rail: { hwmon: "ina219", channel: "in1" },
  load: { hwmon: "ina219", channel: "power1" },
  outdoor: { onewire: "28-0316a2794fff" },
  old: { onewire: "10-000802b4ba0e" },
  light: { file: "/sys/bus/iio/devices/iio:device0/in_illuminance_raw", scale: 0.5, offset: 1, measure: "lx" },
};

interface Sysfs extends AsyncDisposable {
  readonly root: string;
  write(path: string, text: string): Promise<void>;
}

/** The part of sysfs that the sensors of these tests are in. */
async function createSysfs(): Promise<Sysfs> {
  const folder = await tempFolder();
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), text);
  };
  await write("class/hwmon/hwmon0/name", "cpu_thermal\n");
  await write("class/hwmon/hwmon0/temp1_input", "48312\n");
  await write("class/hwmon/hwmon1/name", "ina219\n");
  await write("class/hwmon/hwmon1/in1_input", "5012\n");
  await write("class/hwmon/hwmon1/power1_input", "2350000\n");
  await write("bus/w1/devices/28-0316a2794fff/temperature", "-1312\n");
  await write(
    "bus/w1/devices/10-000802b4ba0e/w1_slave",
    "2d 00 4b 46 ff ff 0c 10 b9 : crc=b9 YES\n2d 00 4b 46 ff ff 0c 10 b9 t=22562\n",
  );
  await write("bus/iio/devices/iio:device0/in_illuminance_raw", "41\n");
  return { root: folder.path, write, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

const start = async (sysfs: Sysfs, options: RigOptions = {}, config: object = {}): Promise<Rig> =>
  await startProvider(createSensorsProvider, { sensors: SENSORS, sysfs: sysfs.root, ...config }, options);

const value = (name: string, measure: string, number: number) => ({ name, measure, value: { tag: "ok", val: number } });

describe("reading", () => {
  test("gives values in units, from hwmon, 1-wire and any file of sysfs", async ({ expect }) => {
    await using sysfs = await createSysfs();
    await using rig = await start(sysfs);
    const names = Object.keys(SENSORS);
    await using link = await bindLink(rig.provider, { config: { sensors: names } });
    expect(await link.call(READER, "list-sensors")).toEqual(names);
    const readings = await Promise.all(names.map(async (name) => await link.call(READER, "read", name)));
    expect(readings).toMatchObject([
      value("cpu", "°C", expect.closeTo(48.312, 6)),
      value("rail", "V", expect.closeTo(5.012, 6)),
      value("load", "W", expect.closeTo(2.35, 6)),
      value("outdoor", "°C", expect.closeTo(-1.312, 6)),
      value("old", "°C", expect.closeTo(22.562, 6)),
      value("light", "lx", 21.5),
    ]);
  });

  test("finds a device again whose number has changed, and says when there is none", async ({ expect }) => {
    await using sysfs = await createSysfs();
    await using rig = await start(sysfs);
    await using link = await bindLink(rig.provider, { config: { sensors: ["cpu"] } });
    const read = (): Promise<unknown> => link.call(READER, "read", "cpu");
    expect(await read()).toMatchObject({ value: { tag: "ok" } });
    await rename(join(sysfs.root, "class/hwmon/hwmon0"), join(sysfs.root, "class/hwmon/hwmon7"));
    // What it knew is wrong now: this is noticed once, then looked for.
    await expect(read()).rejects.toMatchObject({ payload: { tag: "disconnected" } });
    expect(await read()).toMatchObject({ value: { tag: "ok" } });
    await rm(join(sysfs.root, "class/hwmon"), { recursive: true });
    await expect(read()).rejects.toMatchObject({ payload: { tag: "disconnected" } });
    await expect(read()).rejects.toMatchObject({ payload: { tag: "disconnected" } });
  });

  test.for([
    ["a checksum that does not fit", "bus/w1/devices/10-000802b4ba0e/w1_slave", "2d 00 : crc=b9 NO\n t=22562\n", "old"],
    ["no number", "bus/w1/devices/28-0316a2794fff/temperature", "\n", "outdoor"],
    ["the value of a thermometer that lost power", "bus/w1/devices/28-0316a2794fff/temperature", "85000\n", "outdoor"],
    ["garbage", "class/hwmon/hwmon0/temp1_input", "\0\xff".repeat(4000), "cpu"],
  ] as const)("takes %s for a failure", async ([, path, text, name], { expect }) => {
    await using sysfs = await createSysfs();
    await using rig = await start(sysfs);
    await sysfs.write(path, text);
    await using link = await bindLink(rig.provider, { config: { sensors: [name] } });
    await expect(link.call(READER, "read", name)).rejects.toMatchObject({ payload: { tag: "failed" } });
  });

  test("does not wait for a driver that hangs, nor ask it again", async ({ expect }) => {
    await using sysfs = await createSysfs();
    const path = join(sysfs.root, "class/hwmon/hwmon0/temp1_input");
    await rm(path);
    // Opening it to read waits until somebody writes.
    if (spawnSync("mkfifo", [path]).status !== 0) throw new Error("mkfifo failed");
    await using rig = await start(sysfs, {}, { timeout: "100ms" });
    await using link = await bindLink(rig.provider, { config: { sensors: ["cpu", "light"] } });
    const hung = Array.from({ length: 8 }, async () => await link.call(READER, "read", "cpu").catch((error) => error));
    expect(await Promise.all(hung)).toMatchObject(hung.map(() => ({ payload: { tag: "failed" } })));
    // Eight threads would be more than there are for files.
    expect(await link.call(READER, "read", "light")).toMatchObject({ value: { tag: "ok" } });
    await writeFile(path, "20000\n");
  });

  test("does not take a thermometer for late that waits for others on its bus", async ({ expect }) => {
    await using sysfs = await createSysfs();
    const pathOf = (id: string): string => join(sysfs.root, "bus/w1/devices", id, "temperature");
    const paths = [pathOf("28-0316a2794fff"), pathOf("28-0316a2794ffe")] as const;
    await mkdir(dirname(paths[1]), { recursive: true });
    await rm(paths[0]);
    // Opening one to read waits until somebody writes.
    if (spawnSync("mkfifo", [...paths]).status !== 0) throw new Error("mkfifo failed");
    const clock = createFakeClock();
    const sensors = { first: { onewire: "28-0316a2794fff" }, second: { onewire: "28-0316a2794ffe" } };
    await using rig = await start(sysfs, { clock }, { sensors, timeout: "5s" });
    await using link = await bindLink(rig.provider, { config: { sensors: Object.keys(sensors) } });
    const first = link.call(READER, "read", "first");
    const second = link.call(READER, "read", "second").catch((error: unknown) => error);
    await clock.advance(seconds(3));
    await writeFile(paths[0], "20000\n");
    expect(await first).toMatchObject({ value: { tag: "ok", val: 20 } });
    await clock.advance(seconds(3));
    await writeFile(paths[1], "21000\n");
    expect(await second).toMatchObject({ value: { tag: "ok", val: 21 } });
    const hung = link.call(READER, "read", "first").catch((error: unknown) => error);
    await clock.advance(seconds(5));
    expect(await hung).toMatchObject({ payload: { tag: "failed" } });
    // No time passes: it is not waited for once more, until it has answered.
    await expect(link.call(READER, "read", "first")).rejects.toMatchObject({ payload: { tag: "failed" } });
    await writeFile(paths[0], "20000\n");
    await rm(paths[0]);
    await sysfs.write("bus/w1/devices/28-0316a2794fff/temperature", "22000\n");
    const read = async (): Promise<boolean> =>
      await link.call(READER, "read", "first").then(
        () => true,
        () => false,
      );
    await waitFor("the thermometer to be asked again", read);
  });

  test("refuses a sensor that is not granted, or that there is none of", async ({ expect }) => {
    await using sysfs = await createSysfs();
    await using rig = await start(sysfs);
    await using link = await bindLink(rig.provider, { config: { sensors: ["cpu"] } });
    await expect(link.call(READER, "read", "rail")).rejects.toMatchObject({ payload: { tag: "not-granted" } });
    await expect(bindLink(rig.provider, { config: { sensors: ["door"] } })).rejects.toMatchObject({
      code: "ERR_LINK_INVALID",
    });
  });
});

describe("readings that are pushed", () => {
  interface Batch {
    readonly readings: readonly Readonly<Record<string, unknown>>[];
    readonly sequence: bigint;
    readonly lost: bigint;
  }

  test("come at the interval, with the rounds that a slow component missed", async ({ expect }) => {
    await using sysfs = await createSysfs();
    const clock = createFakeClock();
    await using rig = await start(sysfs, { clock });
    const batches = createMailbox<Batch>();
    let slow = false;
    await using _link = await bindLink(rig.provider, {
      config: { sensors: ["cpu", "outdoor"], every: "10s" },
      handler: async (_name, args) => {
        if (slow) await clock.advance(seconds(25));
        slow = false;
        batches.put(args[0] as Batch);
      },
    });
    await batches.waitFor(1);
    await rm(join(sysfs.root, "bus/w1"), { recursive: true });
    slow = true;
    const nextRound = async (): Promise<unknown> =>
      await waitFor("the next round to be waited for", () => clock.sleeping === 1);
    await nextRound();
    await clock.advance(seconds(10));
    await batches.waitFor(2);
    await nextRound();
    await clock.advance(seconds(5));
    await batches.waitFor(3);
    expect(batches.all.map(({ sequence, lost }) => [sequence, lost])).toEqual([
      [1n, 0n],
      [2n, 0n],
      [3n, 2n],
    ]);
    expect(batches.all[0]?.readings).toMatchObject([
      value("cpu", "°C", expect.closeTo(48.312, 6)),
      value("outdoor", "°C", expect.closeTo(-1.312, 6)),
    ]);
    expect(batches.all[1]?.readings[1]).toMatchObject({ value: { tag: "err", val: { tag: "disconnected" } } });
  });

  test("end at once, also while a driver hangs", async ({ expect }) => {
    await using sysfs = await createSysfs();
    const path = join(sysfs.root, "class/hwmon/hwmon0/temp1_input");
    await rm(path);
    if (spawnSync("mkfifo", [path]).status !== 0) throw new Error("mkfifo failed");
    const clock = createFakeClock();
    await using rig = await start(sysfs, { clock });
    const link = await bindLink(rig.provider, { config: { sensors: ["cpu"], every: "10s" }, handler: () => {} });
    // The reading's time limit is all that passes time here, and none passes.
    await waitFor("the reading to begin", () => clock.sleeping === 1);
    await link[Symbol.asyncDispose]();
    expect(clock.sleeping).toBe(1);
    await writeFile(path, "20000\n");
  });

  test("go on after a component that fails", async ({ expect }) => {
    await using sysfs = await createSysfs();
    await using rig = await start(sysfs);
    const batches = createMailbox<Batch>();
    await using _link = await bindLink(rig.provider, {
      config: { sensors: ["cpu"], every: "100ms" },
      handler: async (_name, args) => {
        batches.put(args[0] as Batch);
        throw new Error("no");
      },
    });
    expect(await batches.waitFor(3)).toHaveLength(3);
  });
});

describe("configuration", () => {
  const provider = createSensorsProvider(providerDeps());
  test.for([
    [{ sensors: {} }, "want at least one sensor"],
    [{ sensors: { cpu: { hwmon: "x", channel: "beep1" } } }, "want a channel such as temp1"],
    [{ sensors: { cpu: { onewire: "01-000802b4ba0e" } } }, "want a thermometer such as"],
    [{ sensors: { cpu: { file: "/etc/shadow" } } }, "want a file below /sys"],
    [{ sensors: { cpu: { file: "/sys/../etc/shadow" } } }, "want no .."],
    [{ sensors: { Cpu: { hwmon: "x", channel: "temp1" } } }, "sensors.Cpu"],
    [{ sensors: { cpu: {} } }, "hwmon and channel"],
  ] as const)("%j: %s", ([config, reason], { expect }) => {
    expect(() => provider.parseConfig(config)).toThrow(reason);
  });
});
