import { describe, test } from "vitest";
import { gpioLines, gpioSuite } from "../../test/conformance/gpio/suite.ts";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { playedKernelSubject, simulatedSubject } from "../../test/support/gpio-rigs.ts";
import { providerDeps, startProvider } from "../../test/support/provider-rig.ts";
import { createMetricsRegistry } from "../../src/lib/metrics.ts";
import { millis } from "../../src/domain/units.ts";
import { createGpioProvider } from "./index.ts";
import { createSimulatedChip, createSimulatedSource } from "./simulated.ts";

const CONFIG = { chip: { backend: "simulated", lines: 28 }, lines: gpioLines() };

gpioSuite(simulatedSubject);
gpioSuite(playedKernelSubject);

describe("createGpioProvider()", () => {
  test("parseConfig() reports every fault with its path", ({ expect }) => {
    const provider = createGpioProvider(providerDeps());
    const parse = (): unknown =>
      provider.parseConfig({
        chip: { backend: "simulated" },
        lines: {
          a: { line: 1, direction: "input", final: "active" },
          b: { line: 1, direction: "output", edges: "both", debounce: "1ms" },
        },
      });
    expect(parse).toThrow(/lines\.a\.final/);
    expect(parse).toThrow(/lines\.b\.edges/);
    expect(parse).toThrow(/lines\.b\.debounce/);
  });

  test("start() fails with ERR_DEVICE_BUSY and the holder's name when a line is busy", async ({ expect }) => {
    const clock = createFakeClock();
    const chip = createSimulatedChip({ lines: 28, clock, busy: new Map([[27, "spi0 CS0"]]) });
    const starting = startProvider(
      (deps) => createGpioProvider(deps, async () => createSimulatedSource(chip)),
      CONFIG,
      { clock },
    );
    await expect(starting).rejects.toMatchObject({
      code: "ERR_DEVICE_BUSY",
      message: expect.stringContaining('line 27 is used by "spi0 CS0"') as string,
    });
    // What was refused left nothing behind.
    await using second = chip.request({ consumer: "other", lines: [] });
    expect(second.get([])).toEqual([]);
  });

  test("disposal leaves outputs with their final level", async ({ expect }) => {
    const clock = createFakeClock();
    const chip = createSimulatedChip({ lines: 4, clock });
    const lines = {
      kept: { line: 0, direction: "output", initial: "active" },
      safe: { line: 1, direction: "output", initial: "active", final: "inactive" },
    };
    const config = { ...CONFIG, lines };
    const rig = await startProvider(
      (deps) => createGpioProvider(deps, async () => createSimulatedSource(chip)),
      config,
      { clock },
    );
    expect([chip.voltage(0), chip.voltage(1)]).toEqual([true, true]);
    await rig[Symbol.asyncDispose]();
    expect([chip.voltage(0), chip.voltage(1)]).toEqual([true, false]);
  });

  test("edges that overrun the chip's buffer are counted as lost, and measured", async ({ expect }) => {
    const clock = createFakeClock();
    const metrics = createMetricsRegistry();
    const chip = createSimulatedChip({ lines: 1, clock });
    const lines = { flow: { line: 0, direction: "input", edges: "both" } };
    await using rig = await startProvider(
      (deps) => createGpioProvider(deps, async () => createSimulatedSource(chip)),
      { ...CONFIG, lines },
      { clock, metrics },
    );
    const batches: unknown[] = [];
    await using _link = await rig.bind({
      config: { lines: { flow: "read" }, queue: 10 },
      handler: (_name, args) => {
        const { events, lost, level } = args[0] as { events: { sequence: bigint }[]; lost: bigint; level: string };
        batches.push([events.map(({ sequence }) => Number(sequence)), lost, level]);
      },
    });
    for (let i = 0; i < 21; i += 1) chip.drive(0, i % 2 === 0);
    await clock.advance(millis(10));
    expect(batches).toEqual([[Array.from({ length: 10 }, (_, i) => i + 12), 11n, "active"]]);
    const families = metrics.families().map(({ name, samples }) => [name, samples]);
    const one = (value: number): object[] => [expect.objectContaining({ value })];
    expect(Object.fromEntries(families)).toEqual({
      petiole_gpio_edges_total: one(16),
      petiole_gpio_edges_overrun_total: one(5),
      petiole_gpio_edges_dropped_total: one(6),
      petiole_gpio_chip_lost_total: one(0),
    });
  });
});
