import { describe, test } from "vitest";
import { millis } from "../../src/domain/units.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createFakeGpioKernel, type FakeGpioKernel } from "../../test/support/fake-gpio-kernel.ts";
import { createMailbox } from "../../test/support/mailbox.ts";
import { createSimulatedChip, type SimulatedChip } from "./simulated.ts";
import { createGpioTools, type GpioTools, type LineLevel, type WatchedEdge } from "./tools.ts";

interface World {
  readonly kernel: FakeGpioKernel;
  readonly chip: SimulatedChip;
  readonly tools: GpioTools;
  readonly pass: (milliseconds: number) => Promise<void>;
}

function createWorld(): World {
  const clock = createFakeClock();
  const chip = createSimulatedChip({ lines: 4, clock, label: "pinctrl-rp1", busy: new Map([[3, "spi0 CS0"]]) });
  const kernel = createFakeGpioKernel([["/dev/gpiochip0", chip]]);
  return { kernel, chip, tools: createGpioTools(kernel), pass: async (ms) => await clock.advance(millis(ms)) };
}

describe("createGpioTools()", () => {
  test("list() shows all lines, also those that others hold", async ({ expect }) => {
    const { tools, kernel } = createWorld();
    const [report, ...others] = await tools.list();
    expect(others).toEqual([]);
    expect(report).toMatchObject({ name: "gpiochip0", label: "pinctrl-rp1" });
    expect(report?.lines.map(({ name, usedBy }) => [name, usedBy])).toEqual([
      ["GPIO0", undefined],
      ["GPIO1", undefined],
      ["GPIO2", undefined],
      ["GPIO3", "spi0 CS0"],
    ]);
    expect(await tools.list("0")).toEqual([report]);
    kernel.chips.clear();
    expect(await tools.list()).toEqual([]);
    expect(kernel.descriptors).toBe(0);
  });

  test("get() leaves a line as it is unless a bias is asked for", async ({ expect }) => {
    const { tools, chip, kernel } = createWorld();
    chip.drive(1, true);
    expect(await tools.get("pinctrl-rp1", ["GPIO1", "2"], {})).toEqual([
      { line: "GPIO1", offset: 1, level: true },
      { line: "2", offset: 2, level: false },
    ]);
    const [low, pulled] = await tools.get("0", ["1", "2"], { activeLow: true, bias: "pull-up" });
    expect([low?.level, pulled?.level]).toEqual([false, false]);
    expect(kernel.descriptors).toBe(0);
  });

  test("hold() holds outputs until the signal", async ({ expect }) => {
    const { tools, chip, kernel } = createWorld();
    const ending = new AbortController();
    const { promise: set, resolve: onSet } = Promise.withResolvers<readonly LineLevel[]>();
    const levels = new Map([
      ["GPIO0", true],
      ["1", false],
    ]);
    const holding = tools.hold("0", levels, { onSet }, ending.signal);
    expect((await set).map(({ level }) => level)).toEqual([true, false]);
    expect([chip.voltage(0), chip.voltage(1)]).toEqual([true, false]);
    await expect(tools.get("0", ["0"], {})).rejects.toMatchObject({
      code: "ERR_DEVICE_BUSY",
      message: 'Cannot read lines of chip "0": line 0 is used by "petiole-cli"',
    });
    ending.abort();
    await holding;
    expect(kernel.descriptors).toBe(0);
  });

  test("watch() tells of edges and of lost ones, and fails when the chip goes", async ({ expect }) => {
    const { tools, chip, kernel, pass } = createWorld();
    const edges = createMailbox<WatchedEdge>();
    const onEdge = (edge: WatchedEdge): void => edges.put(edge);
    const watching = tools.watch("0", ["GPIO0", "GPIO1"], { onEdge }, new AbortController().signal);
    const failed = expect(watching).rejects.toMatchObject({ code: "ERR_DEVICE_MISSING" });
    await pass(0);
    chip.drive(1, true);
    await edges.waitFor(1);
    expect(edges.all[0]).toMatchObject({ line: "GPIO1", offset: 1, edge: "rising", sequence: 1n, lost: 0 });
    for (let i = 0; i < 2000; i += 1) chip.drive(0, i % 2 === 0);
    await pass(0);
    const all = edges.all.slice(1);
    expect(all.length + all.reduce((sum, { lost }) => sum + lost, 0)).toBe(2000);
    expect(all[0]?.lost).toBe(2000 - 1024);
    chip.plug(false);
    await failed;
    expect(kernel.descriptors).toBe(0);
  });

  test("errors have codes", async ({ expect }) => {
    const { tools, kernel } = createWorld();
    const get = async (chip: string, ...lines: string[]): Promise<unknown> => await tools.get(chip, lines, {});
    await expect(get("0", "LED")).rejects.toMatchObject({ code: "ERR_DEVICE_MISSING" });
    await expect(get("header", "1")).rejects.toMatchObject({ code: "ERR_DEVICE_MISSING" });
    await expect(get("0", "3")).rejects.toMatchObject({ code: "ERR_DEVICE_BUSY" });
    await expect(get("0", "1", "GPIO1")).rejects.toMatchObject({ code: "ERR_DEVICE_UNSUPPORTED" });
    kernel.forbidden.add("/dev/gpiochip0");
    await expect(get("0", "1")).rejects.toMatchObject({ code: "ERR_DEVICE_DENIED" });
    await expect(tools.list()).rejects.toMatchObject({ code: "ERR_DEVICE_DENIED" });
  });
});
