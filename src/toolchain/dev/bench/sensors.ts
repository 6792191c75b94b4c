import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomic } from "../../../lib/files.ts";
import { isInside } from "../../../lib/is-inside.ts";
import { fileNameOf, isRecord, parseNumber, recordAt, wrong, type OpenBench } from "./bench.ts";

interface PlayedSensor {
  readonly name: string;
  /** Files below the folder, and what the number in each is multiplied with. */
  readonly file: string;
  readonly perUnit: number;
  readonly offset: number;
  /** Further files that there have to be. */
  readonly marks: readonly (readonly [file: string, text: string])[];
  value: number;
}

const FIRST_VALUES: Readonly<Record<string, number>> = { temp: 21, in: 3.3, humidity: 50 };
/** Channels whose files have thousandths or millionths. */
const PER_UNIT: Readonly<Record<string, number>> = { fan: 1, freq: 1, power: 1e6, energy: 1e6 };
const THOUSANDTHS = 1000;

/** A folder that looks like the kernel's, with a number for each sensor. */
export const openSensorsBench: OpenBench = async ({ wanted, emit, folder }) => {
  const sensors = Object.entries(recordAt(wanted.config, "sensors")).map(([name, raw], index) =>
    playedSensor(name, raw, index),
  );
  const byName = new Map(sensors.map((sensor) => [sensor.name, sensor]));
  const root = join(folder, `sensors-${fileNameOf(wanted.id)}`);
  const put = async (file: string, text: string): Promise<void> => {
    const path = join(root, file);
    // The provider refuses such a name later than this.
    if (!isInside(root, path)) throw wrong(`Cannot simulate "${wanted.id}": "${file}" leads out of its folder`);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, `${text}\n`, 0o600);
  };
  const show = async ({ file, value, perUnit, offset }: PlayedSensor): Promise<void> =>
    await put(file, String(Math.round(((value - offset) * perUnit + Number.EPSILON) * 1e6) / 1e6));
  for (const sensor of sensors) {
    for (const [file, text] of sensor.marks) await put(file, text);
    await show(sensor);
  }
  const { sysfs: _real, ...rest } = isRecord(wanted.config) ? wanted.config : {};

  return {
    id: wanted.id,
    kind: "sensors",
    type: "sensors",
    config: { ...rest, sysfs: root },
    names: sensors.map(({ name }) => name),
    usage: ["sensors set SENSOR VALUE"],
    describe: () => sensors.map(({ name, value }) => `sensors ${name}  ${value}`),
    async run([verb, name = "", value]) {
      if (verb !== "set") throw wrong(`Cannot "${verb ?? ""}" a sensor: want set`);
      const sensor = byName.get(name);
      if (sensor === undefined)
        throw wrong(`Cannot find the sensor "${name}": there is ${[...byName.keys()].join(", ")}`);
      sensor.value = parseNumber(value, "a reading");
      await show(sensor);
      emit({ kind: "device", device: `sensors ${name}`, text: String(sensor.value) });
      return `${name} ${sensor.value}`;
    },
    async [Symbol.asyncDispose]() {},
  };
};

function playedSensor(name: string, raw: unknown, index: number): PlayedSensor {
  const config = isRecord(raw) ? raw : {};
  const { hwmon, channel, onewire, file, scale, offset } = config;
  if (typeof onewire === "string") {
    const path = `bus/w1/devices/${onewire}/temperature`;
    return { name, file: path, perUnit: THOUSANDTHS, offset: 0, marks: [], value: FIRST_VALUES["temp"] ?? 0 };
  }
  if (typeof file === "string") {
    const factor = typeof scale === "number" && scale !== 0 ? 1 / scale : 1;
    const from = typeof offset === "number" ? offset : 0;
    return { name, file: file.replace(/^\/sys\//, ""), perUnit: factor, offset: from, marks: [], value: from };
  }
  const kind = String(channel).replace(/\d+$/, "");
  // One folder for each: two sensors of one driver may not be two drivers of one name.
  const device = `class/hwmon/hwmon-${String(hwmon)}`;
  const path = `${device}/${String(channel)}_${kind === "power" ? "average" : "input"}`;
  return {
    name,
    file: path,
    perUnit: PER_UNIT[kind] ?? THOUSANDTHS,
    offset: 0,
    marks: [[`${device}/name`, String(hwmon)]],
    value: FIRST_VALUES[kind] ?? index,
  };
}
