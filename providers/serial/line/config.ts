import { z } from "zod";
import { duration, kibibytes, millis, seconds, size } from "#provider";

export const label = z
  .string()
  .regex(/^[a-z][a-z0-9_-]{0,63}$/, "want a label such as boiler: small letters, digits, - and _");

const rs485 = z.strictObject({
  /** Level of RTS while sending, and while not. */
  rts_on_send: z.enum(["high", "low"]).default("high"),
  /** What the kernel waits between switching RTS and the first bit, and between the last bit and switching back. */
  delay_before: duration()
    .refine((value) => value <= 100, "want at most 100ms")
    .default(millis(0)),
  delay_after: duration()
    .refine((value) => value <= 100, "want at most 100ms")
    .default(millis(0)),
  /** Whether the receiver stays on, and hears what is sent. */
  receive_while_sending: z.boolean().default(false),
  /** Switch a terminating resistor on, where the board has one that can be switched. */
  terminate: z.boolean().default(false),
});

/** Between two attempts: none at all would be one attempt after another, as fast as they fail. */
const pause = () => duration().refine((value) => value >= 1, "want 1ms at least");

/** What a device file is opened with, whatever is spoken on it. */
export const lineShape = {
  /** Device file; prefer a name that survives replugging, such as one below /dev/serial/by-id. */
  path: z.string().startsWith("/", "want an absolute path such as /dev/serial/by-id/…"),
  baud_rate: z.int().min(50).max(4_000_000).default(9600),
  data_bits: z.union([z.literal(5), z.literal(6), z.literal(7), z.literal(8)]).default(8),
  parity: z.enum(["none", "even", "odd"]).default("none"),
  stop_bits: z.union([z.literal(1), z.literal(2)]).default(1),
  flow_control: z.enum(["none", "hardware", "software"]).default("none"),
  /** False leaves DTR up on closing: an Arduino resets when it drops. */
  hang_up_on_close: z.boolean().default(true),
  rs485: rs485.optional(),
  /** Bytes that may wait for a slow line before a component is told `queue-full`. */
  write_buffer: size().default(kibibytes(64)),
  /** Longest that one writing may take before a component is told `timeout`. */
  write_timeout: duration()
    .refine((value) => value >= 1, "want 1ms at least")
    .default(seconds(5)),
  reopen: z.strictObject({ initial: pause().default(millis(250)), max: pause().default(seconds(10)) }).prefault({}),
};
const line = z.strictObject(lineShape);
export type LineConfig = z.infer<typeof line>;
