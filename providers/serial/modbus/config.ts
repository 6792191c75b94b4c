import { z } from "zod";
import { duration, millis, seconds, type Millis } from "#provider";
import { label, lineShape } from "../line/config.ts";
import { WORDS } from "./values.ts";

const wait = (standard: Millis, least: number, most: number) =>
  duration()
    .refine((value) => value >= least && value <= most, `want ${least}ms to ${most}ms`)
    .default(standard);

const register = z
  .strictObject({
    name: z.string().min(1).max(128),
    table: z.enum(["coil", "discrete", "input", "holding"]).default("holding"),
    /** As in the protocol: the first one is 0, whatever a manual calls it (40001). */
    address: z.int().min(0).max(0xffff),
    type: z.enum(["bool", "u16", "i16", "u32", "i32", "f32"]).optional(),
    /** Which register of two holds the higher half: `big` is the first. */
    word_order: z.enum(["big", "little"]).default("big"),
    scale: z
      .number()
      .refine((value) => value !== 0, "want another number than 0")
      .default(1),
    offset: z.number().default(0),
    /** Unit of measurement, handed to the component. */
    measure: z.string().max(32).default(""),
  })
  .transform((raw, context) => {
    const isBit = raw.table === "coil" || raw.table === "discrete";
    const type = raw.type ?? (isBit ? "bool" : "u16");
    if (isBit !== (type === "bool"))
      context.addIssue({ code: "custom", path: ["type"], message: `a ${raw.table} is ${isBit ? "" : "not "}a bool` });
    if (raw.address + WORDS[type] > 0x10000)
      context.addIssue({ code: "custom", path: ["address"], message: "its second half is beyond the last register" });
    return { ...raw, type };
  });
export type RegisterConfig = z.infer<typeof register>;

const poll = z.strictObject({
  /** Address of the device on the bus. */
  unit: z.int().min(1).max(247),
  every: duration().refine((value) => value >= 10 && value <= 86_400_000, "want 10ms to 1d"),
  registers: z.array(register).min(1).max(512),
  /** Most registers of one request. Some devices take fewer than the protocol's 125. */
  max_read: z.int().min(2).max(125).default(125),
  /** Registers between two entries that may be read with them, instead of asking twice. */
  max_gap: z.int().min(0).max(120).default(0),
});
export type PollConfig = z.infer<typeof poll>;

const bus = z.strictObject({
  ...lineShape,
  parity: z.enum(["none", "even", "odd"]).default("even"),
  /** How long a device may take for its answer. */
  timeout: wait(seconds(1), 1, 60_000),
  /** Times that a request is repeated when no answer came, or a garbled one, or the device was busy. */
  retries: z.int().min(0).max(10).default(2),
  /** Silence between two frames. */
  silence: duration()
    .refine((value) => value <= 1000, "want at most 1s")
    .optional(),
  /** Silence after which what has come is no answer any more. */
  give_up_after: wait(millis(100), 1, 10_000),
  /** What devices get to carry out a broadcast. */
  broadcast_delay: wait(millis(100), 0, 10_000),
  /** Pause before a device is asked again that said it was busy. */
  busy_delay: wait(millis(100), 0, 10_000),
  /** The adapter hands back what is sent. */
  echo: z.boolean().default(false),
  polls: z
    .record(label, poll)
    .refine((polls) => Object.keys(polls).length <= 64, "want at most 64 polls")
    .default({}),
});
export type BusConfig = z.infer<typeof bus>;

export const modbusSchema = z.strictObject({
  buses: z
    .record(label, bus)
    .refine((buses) => Object.keys(buses).length > 0, "want at least one bus")
    .refine((buses) => Object.keys(buses).length <= 64, "want at most 64 buses"),
});
export type ModbusConfig = z.infer<typeof modbusSchema>;

export const linkSchema = z.strictObject({
  /** Labels that the component may use. */
  buses: z.array(label).min(1),
  /** Devices that the component may use; all unless given. 0 is for broadcasts. */
  units: z.array(z.int().min(0).max(247)).min(1).optional(),
  /** Lets the component write to devices. */
  write: z.boolean().default(false),
  /** Names of the polls whose readings the component is given; all of its buses unless given. */
  polls: z.array(label).min(1).optional(),
  /** Batches of readings that wait for the component; beyond it the oldest is dropped and counted. */
  queue: z.int().min(1).max(10_000).default(64),
});
export type LinkConfig = z.infer<typeof linkSchema>;
