import { z } from "zod";
import { duration, seconds } from "#provider";

const name = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "want a name such as cpu: small letters, digits, - and _");

/** Kinds of channels that hwmon has, and 1 of the unit in the kernel's own. */
export const CHANNELS = {
  temp: { measure: "°C", scale: 1e-3 },
  in: { measure: "V", scale: 1e-3 },
  curr: { measure: "A", scale: 1e-3 },
  power: { measure: "W", scale: 1e-6 },
  energy: { measure: "J", scale: 1e-6 },
  humidity: { measure: "%", scale: 1e-3 },
  fan: { measure: "rpm", scale: 1 },
  freq: { measure: "Hz", scale: 1 },
} as const;
export type ChannelKind = keyof typeof CHANNELS;
const CHANNEL = new RegExp(`^(?:${Object.keys(CHANNELS).join("|")})\\d{1,3}$`);

const hwmon = z.strictObject({
  /** What its driver calls it, in the file `name`. */
  hwmon: z.string().min(1).max(64),
  channel: z.string().regex(CHANNEL, "want a channel such as temp1, in0, fan2"),
});
const onewire = z.strictObject({
  /** Family and serial number of a thermometer. */
  onewire: z
    .string()
    .regex(
      /^(?:10|22|28|3b|42)-[0-9a-f]{12}$/,
      "want a thermometer such as 28-0316a2794fff (families 10, 22, 28, 3b, 42)",
    ),
});
const file = z.strictObject({
  /** Any file of sysfs with a number in it. */
  file: z
    .string()
    .regex(/^\/sys\/./, "want a file below /sys")
    .refine((path) => !path.split("/").includes(".."), "want no .."),
  scale: z.number().default(1),
  offset: z.number().default(0),
  measure: z.string().max(16).default(""),
});

const sensor = z.union([hwmon, onewire, file], {
  error: "want hwmon and channel, onewire, or file with scale, offset and measure",
});
export type SensorConfig = z.infer<typeof sensor>;

export const sensorsSchema = z.strictObject({
  sensors: z
    .record(name, sensor)
    .refine((sensors) => Object.keys(sensors).length > 0, "want at least one sensor")
    .refine((sensors) => Object.keys(sensors).length <= 256, "want at most 256 sensors"),
  /** Where sysfs is: another folder is for trying without hardware. */
  sysfs: z.string().startsWith("/", "want an absolute path").default("/sys"),
  /** A driver that takes longer has failed. */
  timeout: duration()
    .refine((value) => value >= 100 && value <= 60_000, "want 100ms to 1m")
    .default(seconds(5)),
});
export type SensorsConfig = z.infer<typeof sensorsSchema>;

export const linkSchema = z.strictObject({
  sensors: z
    .array(name)
    .min(1, "want at least one sensor")
    .refine((names) => new Set(names).size === names.length, "want each sensor once"),
  /** Between two rounds, of a link to a handler. */
  every: duration()
    .refine((value) => value >= 100 && value <= 86_400_000, "want 100ms to 1d")
    .default(seconds(10)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
