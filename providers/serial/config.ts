import { z } from "zod";
import { duration, kibibytes, millis, seconds, size } from "#provider";

const label = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "want a label such as boiler: small letters, digits, - and _");

const framing = z.strictObject({
  /** What ends a frame: one to four bytes, as text with the escapes of YAML. */
  delimiter: z
    .string()
    .default("\n")
    .transform((text) => Buffer.from(text, "latin1"))
    .refine((delimiter) => delimiter.length >= 1 && delimiter.length <= 4, "want one to four bytes"),
  max_length: z
    .int()
    .min(1)
    .max(1024 * 1024)
    .default(1024),
  /** A CR before the delimiter belongs to it. */
  strip_cr: z.boolean().default(true),
  skip_empty: z.boolean().default(true),
});

const port = z.strictObject({
  /** Device file; prefer a name that survives replugging, such as one below /dev/serial/by-id. */
  path: z.string().startsWith("/", "want an absolute path such as /dev/serial/by-id/…"),
  baud_rate: z.int().min(50).max(4_000_000).default(9600),
  data_bits: z.union([z.literal(5), z.literal(6), z.literal(7), z.literal(8)]).default(8),
  parity: z.enum(["none", "even", "odd", "mark", "space"]).default("none"),
  stop_bits: z.union([z.literal(1), z.literal(2)]).default(1),
  flow_control: z.enum(["none", "hardware", "software"]).default("none"),
  /** False leaves DTR up on closing: an Arduino resets when it drops. */
  hang_up_on_close: z.boolean().default(true),
  framing: framing.prefault({}),
  /** Bytes that may wait for a slow line before a component is told `queue-full`. */
  write_buffer: size().default(kibibytes(64)),
  reopen: z
    .strictObject({ initial: duration().default(millis(250)), max: duration().default(seconds(10)) })
    .prefault({}),
});
export type PortConfig = z.infer<typeof port>;

export const serialSchema = z.strictObject({
  ports: z.record(label, port).refine((ports) => Object.keys(ports).length > 0, "want at least one port"),
});
export type SerialConfig = z.infer<typeof serialSchema>;

export const linkSchema = z.strictObject({
  /** Labels that the component may use. */
  ports: z.array(label).min(1),
  /** Lets the component send. */
  write: z.boolean().default(false),
  /** Frames of one port that wait for the component; beyond it the oldest is dropped and counted. */
  queue: z.int().min(1).max(100_000).default(256),
});
export type LinkConfig = z.infer<typeof linkSchema>;
