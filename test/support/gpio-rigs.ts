// Ways to run the suite of test/conformance/gpio.

import { setTimeout as sleep } from "node:timers/promises";
import { createCdevSource } from "../../providers/gpio/cdev.ts";
import type { ChipSource } from "../../providers/gpio/backend.ts";
import { createGpioProvider } from "../../providers/gpio/index.ts";
import { createSimulatedChip, createSimulatedSource, type SimulatedChip } from "../../providers/gpio/simulated.ts";
import { millis, seconds } from "../../src/domain/units.ts";
import { gpioLines, type GpioRig, type GpioSubject } from "../conformance/gpio/suite.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createFakeGpioKernel } from "./fake-gpio-kernel.ts";
import { gpioSimLabel, openGpioSim } from "./gpio-sim.ts";
import { startProvider } from "./provider-rig.ts";
import { waitFor } from "./wait-for.ts";

const CHIP = { backend: "simulated", lines: 28 };
const LINES = gpioLines();

const offsetOf = (label: string): number => Object.entries(LINES).find(([name]) => name === label)?.[1].line ?? -1;

/** Time stands still, and the hardware is a simulated chip behind whatever `open` makes of it. */
async function startInMemory(
  open: (chip: SimulatedChip) => { readonly source: ChipSource; readonly plug: (plugged: boolean) => void },
): Promise<GpioRig> {
  const clock = createFakeClock();
  const chip = createSimulatedChip({ lines: CHIP.lines, clock });
  const { source, plug } = open(chip);
  const config = { chip: CHIP, lines: LINES };
  const rig = await startProvider((deps) => createGpioProvider(deps, async () => source), config, { clock });
  return {
    provider: rig.provider,
    drive: (label, high) => chip.drive(offsetOf(label), high),
    voltage: (label) => chip.voltage(offsetOf(label)),
    pass: async (milliseconds) => await clock.advance(millis(milliseconds)),
    now: () => clock.nanoseconds(),
    plug: async (plugged) => {
      plug(plugged);
      // Longer than the longest wait between two tries.
      await clock.advance(seconds(31));
    },
    [Symbol.asyncDispose]: async () => await rig[Symbol.asyncDispose](),
  };
}

export const simulatedSubject: GpioSubject = {
  name: "a simulated chip",
  exact: true,
  create: async () =>
    await startInMemory((chip) => ({ source: createSimulatedSource(chip), plug: (plugged) => chip.plug(plugged) })),
};

export const playedKernelSubject: GpioSubject = {
  name: "the kernel's character device, played in memory",
  exact: true,
  create: async () =>
    await startInMemory((chip) => {
      const kernel = createFakeGpioKernel([["/dev/gpiochip4", chip]]);
      const plug = (plugged: boolean): void => {
        // It comes back with another number.
        kernel.chips.clear();
        if (plugged) kernel.chips.set("/dev/gpiochip5", chip);
        chip.plug(plugged);
      };
      return { source: createCdevSource(kernel, "petiole-simulated"), plug };
    }),
};

export interface SimChip {
  readonly backend: "cdev" | "sysfs";
  /** Such as /dev/gpiochip1. */
  readonly path: string;
  /** By how much times are longer than in the suite. */
  readonly scale: number;
}

/** On a chip of gpio-sim that has at least 28 lines. Here time passes by itself. */
export function createSimRigs({ backend, path, scale }: SimChip): (lines: object) => Promise<GpioRig> {
  // Now, and not when the first test runs: the chip has another number after a test of another suite unplugged it.
  const name = path.split("/").at(-1) ?? "";
  const label = gpioSimLabel(name) ?? name;
  const inputs = Object.values(LINES).filter(({ direction }) => direction === "input");
  return async (lines) => {
    const sim = openGpioSim(label);
    for (const { line } of inputs) sim.drive(line, false);
    const rig = await startProvider(createGpioProvider, { chip: { backend, chip: label }, lines });
    const answers = async (): Promise<boolean> => {
      await using bound = await rig.bind({ config: { lines: { door: "read" } } });
      return await bound.call("petiole:gpio/lines", "get", "door").then(
        () => true,
        () => false,
      );
    };
    return {
      provider: rig.provider,
      drive: (name, high) => sim.drive(offsetOf(name), high),
      voltage: (name) => sim.voltage(offsetOf(name)),
      pass: async (milliseconds) => await sleep(milliseconds * scale),
      now: () => process.hrtime.bigint(),
      plug: async (plugged) => {
        sim.plug(plugged);
        await waitFor("the provider to notice", async () => (await answers()) === plugged, 60_000);
      },
      [Symbol.asyncDispose]: async () => await rig[Symbol.asyncDispose](),
    };
  };
}

export function gpioSimSubject(path: string, scale: number): GpioSubject {
  const create = createSimRigs({ backend: "cdev", path, scale });
  return { name: `${path} of the kernel`, scale, exact: false, create: async () => await create(gpioLines(scale)) };
}
