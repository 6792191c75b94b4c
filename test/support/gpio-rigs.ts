// Ways to run the suite of test/conformance/gpio.

import { setTimeout as sleep } from "node:timers/promises";
import { createCdevSource } from "../../providers/gpio/cdev.ts";
import type { ChipSource } from "../../providers/gpio/backend.ts";
import { createGpioProvider } from "../../providers/gpio/index.ts";
import { createSimulatedChip, createSimulatedSource, type SimulatedChip } from "../../providers/gpio/simulated.ts";
import { millis, seconds } from "../../src/domain/units.ts";
import { openDeviceIo } from "../../src/lib/device-io.ts";
import { gpioLines, type GpioRig, type GpioSubject } from "../conformance/gpio/suite.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createFakeGpioKernel } from "./fake-gpio-kernel.ts";
import { openGpioSim } from "./gpio-sim.ts";
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

/** A chip of gpio-sim with at least 28 lines, such as /dev/gpiochip1. Here time passes by itself. */
export function gpioSimSubject(path: string, scale: number): GpioSubject {
  const lines = gpioLines(scale);
  const inputs = Object.values(lines).filter(({ direction }) => direction === "input");
  let label: string | undefined;
  return {
    name: `${path} of the kernel`,
    scale,
    exact: false,
    create: async () => {
      // Its number may be another by the second test.
      const sim = openGpioSim(label ?? path.split("/").at(-1) ?? "");
      ({ label } = sim);
      const source = createCdevSource(openDeviceIo(), label);
      for (const { line } of inputs) sim.drive(line, false);
      const config = { chip: { backend: "cdev", chip: sim.label }, lines };
      const rig = await startProvider((deps) => createGpioProvider(deps, async () => source), config);
      const answers = async (): Promise<boolean> => {
        const link = { config: { lines: { plain: "read" } } };
        await using bound = await rig.bind(link);
        return await bound.call("petiole:gpio/lines", "get", "plain").then(
          () => true,
          () => false,
        );
      };
      return {
        provider: rig.provider,
        drive: (label, high) => sim.drive(offsetOf(label), high),
        voltage: (label) => sim.voltage(offsetOf(label)),
        pass: async (milliseconds) => await sleep(milliseconds),
        now: () => process.hrtime.bigint(),
        plug: async (plugged) => {
          sim.plug(plugged);
          await waitFor("the provider to notice", async () => (await answers()) === plugged);
        },
        [Symbol.asyncDispose]: async () => await rig[Symbol.asyncDispose](),
      };
    },
  };
}
