// Where the kernel shows what its drivers measure: see Documentation/hwmon/sysfs-interface.rst, w1/slaves/w1_therm.rst.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno, reasonOf } from "#provider";
import { CHANNELS, type ChannelKind, type SensorConfig } from "./config.ts";

export interface Sensor {
  readonly measure: string;
  /** Waits for the driver, which may have to wait for the device. @throws SensorError */
  read(): Promise<number>;
}

export class SensorError extends Error {
  override readonly name = "SensorError";
  readonly reason: "disconnected" | "failed";

  constructor(reason: "disconnected" | "failed", message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

const IS_GONE = ["ENOENT", "ENODEV", "ENXIO", "ENOTDIR"] as const;

/** What a DS18B20 has in its register from power-on until it has measured; 85 °C is near its limit. */
const POWER_ON = 85_000;

export function createSensor(root: string, config: SensorConfig): Sensor {
  if ("file" in config) {
    const { file, scale, offset, measure } = config;
    return { measure, read: async () => (await readNumber(join(root, file.slice("/sys".length)))) * scale + offset };
  }
  if ("onewire" in config) {
    const folder = join(root, "bus/w1/devices", config.onewire);
    return { measure: CHANNELS.temp.measure, read: async () => (await readThermometer(folder)) * CHANNELS.temp.scale };
  }
  const { measure, scale } = CHANNELS[config.channel.replace(/\d+$/, "") as ChannelKind]; // The schema allows no other.
  let folder: string | undefined;
  return {
    measure,
    async read() {
      // Drivers that start in another order get other numbers: what was found is only good until it is gone.
      const found = folder ?? (await findHwmon(root, config.hwmon));
      folder = undefined;
      const channel = `${config.channel}_${config.channel.startsWith("power") ? "average" : "input"}`;
      const value = await readNumber(join(found, channel)).catch(async (error: unknown) => {
        if (!config.channel.startsWith("power")) throw error;
        return await readNumber(join(found, `${config.channel}_input`));
      });
      folder = found;
      return value * scale;
    },
  };
}

async function findHwmon(root: string, name: string): Promise<string> {
  const base = join(root, "class/hwmon");
  const folders = await reading(base, async () => await readdir(base));
  const found: string[] = [];
  const names: string[] = [];
  for (const folder of folders.sort()) {
    const its = (await readFile(join(base, folder, "name"), "utf8").catch(() => "")).trim();
    if (its !== "") names.push(its);
    if (its === name) found.push(join(base, folder));
  }
  const [first, second] = found;
  const known = names.length === 0 ? "there is none" : `found ${names.join(", ")}`;
  if (first === undefined) throw new SensorError("disconnected", `no hwmon device "${name}": ${known}`);
  if (second !== undefined) throw new SensorError("failed", `${found.length} hwmon devices are named "${name}"`);
  return first;
}

/** In thousandths of a degree. */
async function readThermometer(folder: string): Promise<number> {
  const value = await readNumber(join(folder, "temperature")).catch(async (error: unknown) => {
    // Kernels before 5.7 have but the raw registers, with the temperature behind them.
    if (!(error instanceof SensorError) || error.reason !== "disconnected") throw error;
    const path = join(folder, "w1_slave");
    const text = await reading(path, async () => await readFile(path, "utf8"));
    if (!/crc=[0-9a-f]{2} YES/.test(text)) throw new SensorError("failed", "its checksum does not fit");
    return parseNumber(path, /t=(-?\d+)/.exec(text)?.[1] ?? "");
  });
  if (value === POWER_ON) throw new SensorError("failed", "it has not measured since it got power");
  return value;
}

const readNumber = async (path: string): Promise<number> =>
  parseNumber(path, (await reading(path, async () => await readFile(path, "utf8"))).trim());

function parseNumber(path: string, text: string): number {
  if (/^-?\d{1,20}(?:\.\d{1,20})?$/.test(text)) return Number(text);
  throw new SensorError("failed", `"${path}" has "${text.slice(0, 40)}", want a number`);
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = IS_GONE.some((code) => isErrno(error, code)) ? "disconnected" : "failed";
    throw new SensorError(reason, `cannot read "${path}": ${reasonOf(error)}`, { cause: error });
  }
}
