// A chip of the kernel's gpio-sim, which lets a program play the hardware: <https://docs.kernel.org/admin-guide/gpio/gpio-sim.html>

import { existsSync, readFileSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CONFIG = "/sys/kernel/config/gpio-sim";
const DEVICES = "/sys/bus/gpio/devices";

export interface GpioSim {
  /** Voltage on an input. */
  drive(line: number, high: boolean): void;
  voltage(line: number): boolean;
  plug(plugged: boolean): void;
}

const readText = (...path: string[]): string => readFileSync(join(...path), "utf8").trim();

function folders(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(path, name));
}

interface Place {
  readonly device: string;
  readonly bank: string;
}

/** By the chip's name, such as gpiochip1, or its label. */
function findSim(chip: string): Place | undefined {
  if (!existsSync(CONFIG)) return undefined;
  return folders(CONFIG)
    .flatMap((device) => folders(device).map((bank) => ({ device, bank })))
    .find(({ bank }) => readText(bank, "chip_name") === chip || readText(bank, "label") === chip);
}

/** Undefined where no chip of gpio-sim has this name. */
export function gpioSimLabel(name: string): string | undefined {
  const found = findSim(name);
  return found === undefined ? undefined : readText(found.bank, "label");
}

/** The chip of that name or label. @throws Error when it is none of gpio-sim */
export function openGpioSim(chip: string): GpioSim {
  const found = findSim(chip);
  if (found === undefined) throw new Error(`"${chip}" is no chip of gpio-sim`);
  const { device, bank } = found;
  /** Another one after it was plugged in again. */
  let folder: string | undefined;
  const attribute = (line: number, file: string): string => {
    folder ??= realpathSync(join(DEVICES, readText(bank, "chip_name")));
    return join(folder, `sim_gpio${line}`, file);
  };
  return {
    drive: (line, high) => writeFileSync(attribute(line, "pull"), high ? "pull-up" : "pull-down"),
    voltage: (line) => readText(attribute(line, "value")) === "1",
    plug: (plugged) => {
      writeFileSync(join(device, "live"), plugged ? "1" : "0");
      folder = undefined;
    },
  };
}
