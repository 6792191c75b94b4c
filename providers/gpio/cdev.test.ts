import { describe, test } from "vitest";
import { millis } from "../../src/domain/units.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createFakeGpioKernel, type FakeGpioKernel } from "../../test/support/fake-gpio-kernel.ts";
import { findLine, type LineEvent, type LineSettings } from "./backend.ts";
import { listChipPaths, openCdevChip } from "./cdev.ts";
import { createSimulatedChip, type SimulatedChip } from "./simulated.ts";

const INPUT: LineSettings = {
  offset: 0,
  direction: "input",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edges: "both",
  debounce: millis(0),
  clock: "monotonic",
  initial: false,
};

interface World {
  readonly kernel: FakeGpioKernel;
  readonly header: SimulatedChip;
}

function createWorld(): World {
  const clock = createFakeClock();
  const chip = (label: string): SimulatedChip =>
    createSimulatedChip({ lines: 8, clock, label, busy: new Map([[7, "spi0 CS0"]]) });
  const header = chip("pinctrl-rp1");
  const kernel = createFakeGpioKernel([
    ["/dev/gpiochip10", chip("twin")],
    ["/dev/gpiochip2", header],
    ["/dev/gpiochip0", chip("twin")],
  ]);
  return { kernel, header };
}

describe("openCdevChip()", () => {
  test("finds a chip by number, name, path and label, and leaves no descriptor of others", async ({ expect }) => {
    const { kernel } = createWorld();
    expect(listChipPaths(kernel)).toEqual(["/dev/gpiochip0", "/dev/gpiochip2", "/dev/gpiochip10"]);
    for (const which of [2, "gpiochip2", "/dev/gpiochip2", "pinctrl-rp1"]) {
      await using chip = openCdevChip(kernel, which);
      expect(chip).toMatchObject({ name: "gpiochip2", label: "pinctrl-rp1", lines: 8 });
      expect(kernel.descriptors).toBe(1);
    }
    expect(kernel.descriptors).toBe(0);
  });

  test("says what it found instead", ({ expect }) => {
    const { kernel } = createWorld();
    const opening = (which: number | string) => () => openCdevChip(kernel, which);
    expect(opening(7)).toThrow(expect.objectContaining({ reason: "not-found" }));
    expect(opening("twin")).toThrow('2 chips have the label "twin"');
    expect(opening("pinctrl")).toThrow('no chip has the label "pinctrl": found twin, pinctrl-rp1, twin');
    kernel.forbidden.add("/dev/gpiochip2");
    expect(opening(2)).toThrow(expect.objectContaining({ reason: "permission" }));
    expect(opening("pinctrl-rp1")).toThrow(expect.objectContaining({ reason: "permission" }));
    kernel.chips.clear();
    expect(opening("pinctrl-rp1")).toThrow("there is none");
    expect(kernel.descriptors).toBe(0);
  });

  test("findLine() takes a number or a name", async ({ expect }) => {
    const { kernel } = createWorld();
    await using chip = openCdevChip(kernel, 2);
    expect([findLine(chip, 3), findLine(chip, "GPIO5")]).toEqual([3, 5]);
    expect(() => findLine(chip, 8)).toThrow("no line 8");
    expect(() => findLine(chip, "LED")).toThrow('no line named "LED"');
  });
});

describe("request() of a chip of the kernel", () => {
  test("names the holder of a busy line, and says what does not fit", async ({ expect }) => {
    const { kernel } = createWorld();
    await using chip = openCdevChip(kernel, 2);
    const asking =
      (...lines: Partial<LineSettings>[]) =>
      () =>
        chip.request({ consumer: "test", lines: lines.map((line) => ({ ...INPUT, ...line })) });
    expect(asking({}, { offset: 7 })).toThrow('line 7 is used by "spi0 CS0"');
    expect(asking({ direction: "output" })).toThrow(expect.objectContaining({ reason: "invalid-argument" }));
    expect(asking({ clock: "hardware" })).toThrow(expect.objectContaining({ reason: "unsupported" }));
    expect(kernel.descriptors).toBe(1);
  });

  test("reads a line that is taken as it is, and stamps edges with the clock that was chosen", async ({ expect }) => {
    const { kernel, header } = createWorld();
    await using chip = openCdevChip(kernel, "pinctrl-rp1");
    header.drive(1, true);
    const asIs: LineSettings = { ...INPUT, offset: 1, direction: "as-is", edges: "none" };
    await using request = chip.request({ consumer: "test", lines: [{ ...INPUT, clock: "realtime" }, asIs] });
    expect(request.get([1, 0])).toEqual([true, false]);
    expect(() => request.get([2])).toThrow("line 2 is not requested");
    expect(request.info(0)).toMatchObject({ usedBy: "test", edges: "both" });
    const { promise, resolve } = Promise.withResolvers<readonly LineEvent[]>();
    request.onEvents(resolve);
    header.drive(0, true);
    expect(await promise).toEqual([
      { offset: 0, edge: "rising", timestamp: 1_700_000_000_000_000_000n, sequence: 1, lineSequence: 1 },
    ]);
  });

  test("tells of a chip that goes, fails from then on, and closes what it had open", async ({ expect }) => {
    const { kernel, header } = createWorld();
    {
      await using chip = openCdevChip(kernel, 2);
      await using request = chip.request({
        consumer: "test",
        lines: [{ ...INPUT, direction: "output", edges: "none" }],
      });
      const { promise, resolve } = Promise.withResolvers<unknown>();
      request.onLost(resolve);
      request.check();
      header.plug(false);
      expect(await promise).toMatchObject({ reason: "disconnected" });
      const gone = expect.objectContaining({ reason: "disconnected" });
      expect(() => request.get([0])).toThrow(gone);
      expect(() => request.set(new Map([[0, true]]))).toThrow(gone);
      expect(() => request.check()).toThrow(gone);
      expect(() => chip.info(0)).toThrow(gone);
    }
    expect(kernel.descriptors).toBe(0);
  });
});
