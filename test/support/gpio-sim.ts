// A chip of the kernel's gpio-sim, which lets a program play the hardware: <https://docs.kernel.org/admin-guide/gpio/gpio-sim.html>

import { readFileSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const CONFIG = "/sys/kernel/config/gpio-sim";
const DEVICES = "/sys/bus/gpio/devices";

export interface GpioSim {
  readonly label: string;
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

/** The chip of that name, such as gpiochip1, or label. @throws Error when it is none of gpio-sim */
export function openGpioSim(name: string): GpioSim {
  const found = folders(CONFIG)
    .flatMap((device) => folders(device).map((bank) => ({ device, bank })))
    .find(({ bank }) => readText(bank, "chip_name") === name || readText(bank, "label") === name);
  if (found === undefined) throw new Error(`"${name}" is no chip of gpio-sim`);
  const { device, bank } = found;
  /** The chip may have another number after it was plugged in again. */
  const attribute = (line: number, file: string): string =>
    join(realpathSync(join(DEVICES, readText(bank, "chip_name"))), `sim_gpio${line}`, file);
  return {
    label: readText(bank, "label"),
    drive: (line, high) => writeFileSync(attribute(line, "pull"), high ? "pull-up" : "pull-down"),
    voltage: (line) => readText(attribute(line, "value")) === "1",
    plug: (plugged) => writeFileSync(join(device, "live"), plugged ? "1" : "0"),
  };
}
