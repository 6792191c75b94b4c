// The folder is played by files in a temporary one, as the kernel lays it out; it does not react to `export`, so the
// lines' folders are there from the start.

import { closeSync, copyFileSync, openSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { millis } from "../../src/domain/units.ts";
import type { WatchOptions } from "../../src/lib/device-io.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import type { ChipSource, GpioError, LineEvent, LineSettings } from "./backend.ts";
import { createSysfsSource } from "./sysfs.ts";

const INPUT: LineSettings = {
  offset: 4,
  direction: "input",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edges: "both",
  debounce: millis(0),
  clock: "monotonic",
  initial: false,
};
const OUTPUT: LineSettings = { ...INPUT, offset: 5, direction: "output", edges: "none" };

interface World extends AsyncDisposable {
  readonly root: string;
  readonly source: (which: string) => ChipSource;
  readonly watches: WatchOptions[];
  readonly open: () => number;
  readonly read: (file: string) => Promise<string>;
}

async function createWorld(): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), "petiole-sysfs-"));
  const put = async (folder: string, files: Readonly<Record<string, string>>): Promise<void> => {
    await mkdir(join(root, folder), { recursive: true });
    for (const [name, text] of Object.entries(files)) await writeFile(join(root, folder, name), text);
  };
  await put("", { export: "", unexport: "" });
  await put("gpiochip512", { label: "pinctrl-bcm2711\n", base: "512\n", ngpio: "58\n" });
  await put("gpiochip570", { label: "raspberrypi-exp-gpio\n", base: "570\n", ngpio: "8\n" });
  for (const line of ["gpio516", "gpio517"]) {
    await put(line, { value: "0\n", direction: "in\n", edge: "none\n", active_low: "0\n" });
  }
  const watches: WatchOptions[] = [];
  const opened = new Set<string>();
  let open = 0;
  const io = {
    open: (path: string): number => {
      open += 1;
      // Whoever opens a line's value to watch it gets a file of its own, which shows what is read of which.
      const own = opened.has(path) ? `${path}-watched` : path;
      opened.add(path);
      if (own !== path) copyFileSync(path, own);
      return openSync(own, "r+");
    },
    close: (descriptor: number): void => {
      open -= 1;
      closeSync(descriptor);
    },
    watch: (_descriptor: number, options: WatchOptions): Disposable => {
      watches.push(options);
      return { [Symbol.dispose]: () => void watches.splice(watches.indexOf(options), 1) };
    },
  };
  const clock = createFakeClock();
  return {
    root,
    source: (which) => createSysfsSource({ io, clock, root }, which),
    watches,
    open: () => open,
    read: async (file) => await readFile(join(root, file), "utf8"),
    [Symbol.asyncDispose]: async () => await rm(root, { recursive: true }),
  };
}

const reason = (wanted: GpioError["reason"]): object => ({ reason: wanted });

describe("createSysfsSource()", () => {
  test("finds a chip by its driver's label or by its name, whatever its base", async ({ expect }) => {
    await using world = await createWorld();
    for (const which of ["pinctrl-bcm2711", "gpiochip512"]) {
      await using chip = world.source(which).open();
      expect(chip).toMatchObject({ name: "gpiochip512", label: "pinctrl-bcm2711", lines: 58 });
    }
    expect(() => world.source("pinctrl-rp1").open()).toThrow("found pinctrl-bcm2711, raspberrypi-exp-gpio");
    await rm(world.root, { recursive: true });
    expect(() => world.source("pinctrl-rp1").open()).toThrow(expect.objectContaining(reason("not-found")));
    await mkdir(world.root);
  });

  test("takes lines, reads and sets them, and gives them back", async ({ expect }) => {
    await using world = await createWorld();
    const chip = world.source("gpiochip512").open();
    const low: LineSettings = { ...OUTPUT, activeLow: true };
    const request = chip.request({ consumer: "test", lines: [INPUT, low] });
    // Written in place, over what the kernel would have made of it.
    expect(await world.read("gpio516/direction")).toMatch(/^in/);
    expect(await world.read("gpio516/edge")).toMatch(/^both/);
    expect(await world.read("gpio517/active_low")).toMatch(/^1/);
    expect(await world.read("gpio517/direction")).toMatch(/^high/);
    expect(request.get([4])).toEqual([false]);
    request.set(new Map([[5, true]]));
    expect(request.get([5, 4])).toEqual([true, false]);
    expect(request.info(5)).toMatchObject({ usedBy: "test", direction: "output", activeLow: true });
    expect(() => request.get([6])).toThrow("line 6 is not requested");
    await request[Symbol.asyncDispose]();
    expect(world.open()).toBe(0);
    expect(await world.read("unexport")).toMatch(/^51[67]$/);
  });

  test("tells edges from levels, and counts what came and went unseen", async ({ expect }) => {
    await using world = await createWorld();
    await using request = world
      .source("gpiochip512")
      .open()
      .request({ consumer: "test", lines: [INPUT, OUTPUT] });
    const seen: LineEvent[] = [];
    request.onEvents((events) => seen.push(...events));
    const [watch, ...others] = world.watches;
    expect(others).toEqual([]);
    for (const level of ["1", "0", "0", "1"]) watch?.onData(Buffer.from(`${level}\n`));
    expect(seen.map(({ edge, lineSequence }) => `${edge} ${lineSequence}`)).toEqual([
      "rising 1",
      "falling 2",
      "rising 5",
    ]);
    expect(seen[0]).toMatchObject({ offset: 4, timestamp: 1_000_000_000n });
  });

  test("reports the first edge also of a line that was active, and reads levels without taking edges", async ({
    expect,
  }) => {
    await using world = await createWorld();
    const path = join(world.root, "gpio516", "value");
    await writeFile(path, "1\n");
    await using request = world
      .source("gpiochip512")
      .open()
      .request({ consumer: "test", lines: [{ ...INPUT, edges: "rising" }] });
    const seen: LineEvent[] = [];
    request.onEvents((events) => seen.push(...events));
    const [watch] = world.watches;
    // It fell, of which nobody is told, and rose.
    watch?.onData(Buffer.from("1\n"));
    expect(seen).toMatchObject([{ edge: "rising", lineSequence: 1 }]);
    await writeFile(path, "0\n");
    expect(request.get([4])).toEqual([false]);
  });

  test("refuses what sysfs does not offer, and leaves nothing open", async ({ expect }) => {
    await using world = await createWorld();
    const chip = world.source("gpiochip512").open();
    const unsupported: Partial<LineSettings>[] = [
      { bias: "pull-up" },
      { debounce: millis(5) },
      { clock: "realtime" },
      { direction: "output", edges: "none", drive: "open-drain" },
    ];
    for (const change of unsupported) {
      const asking = (): unknown => chip.request({ consumer: "test", lines: [{ ...INPUT, ...change }] });
      expect(asking).toThrow(expect.objectContaining(reason("unsupported")));
    }
    const missing = (): unknown => chip.request({ consumer: "test", lines: [INPUT, { ...INPUT, offset: 7 }] });
    expect(missing).toThrow(expect.objectContaining(reason("not-found")));
    expect(world.open()).toBe(0);
  });

  test("says when the chip is gone", async ({ expect }) => {
    await using world = await createWorld();
    await using request = world
      .source("gpiochip512")
      .open()
      .request({ consumer: "test", lines: [INPUT] });
    const lost: unknown[] = [];
    request.onLost((error) => lost.push(error));
    request.onEvents(() => {});
    request.check();
    world.watches[0]?.onEnd(undefined);
    expect(lost).toEqual([expect.objectContaining(reason("disconnected"))]);
    await rm(join(world.root, "gpiochip512"), { recursive: true });
    expect(() => request.check()).toThrow(expect.objectContaining(reason("disconnected")));
  });
});
