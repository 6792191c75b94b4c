import { z } from "zod";
import { duration, millis, type Millis } from "#provider";

/** Bytes as text: `\n` and the like by YAML's escapes, each character up to U+00FF one byte. */
const byteText = (least: number, most: number, wanted: string) =>
  z
    .string()
    .regex(/^[^\u0100-\uffff]*$/, "want characters up to U+00FF, each stands for one byte")
    .transform((text) => Buffer.from(text, "latin1"))
    .refine((bytes) => bytes.length >= least && bytes.length <= most, wanted);

const maxLength = () =>
  z
    .int()
    .min(1)
    .max(1024 * 1024)
    .default(1024);

/** A silence of the line. Timers are no finer than a millisecond. */
const gap = (standard: Millis) =>
  duration()
    .refine((value) => value >= 1 && value <= 60_000, "want 1ms to 1m")
    .default(standard);

const kinds = {
  delimiter: z.strictObject({
    type: z.literal("delimiter"),
    /** What ends a frame: one to four bytes, as text with the escapes of YAML. */
    delimiter: byteText(1, 4, "want one to four bytes").default(Buffer.from("\n")),
    max_length: maxLength(),
    /** A CR before the delimiter belongs to it. */
    strip_cr: z.boolean().default(true),
    skip_empty: z.boolean().default(true),
  }),
  length: z.strictObject({
    type: z.literal("length"),
    start: byteText(0, 4, "want at most four bytes").default(Buffer.alloc(0)),
    offset: z.int().min(0).max(64).default(0),
    length_size: z.union([z.literal(1), z.literal(2), z.literal(4)]).default(1),
    byte_order: z.enum(["big", "little"]).default("big"),
    adjust: z.int().min(-64).max(64).default(0),
    max_length: maxLength(),
    gap: gap(millis(200)),
  }),
  slip: z.strictObject({ type: z.literal("slip"), max_length: maxLength() }),
  cobs: z.strictObject({ type: z.literal("cobs"), max_length: maxLength() }),
  gap: z.strictObject({ type: z.literal("gap"), gap: gap(millis(20)), max_length: maxLength() }),
  raw: z.strictObject({ type: z.literal("raw"), max_length: maxLength() }),
} as const;

/** Frames end with a delimiter unless a type is named. */
export const framingSchema = z.preprocess(
  (raw) => (typeof raw === "object" && raw !== null && !("type" in raw) ? { type: "delimiter", ...raw } : raw),
  z.discriminatedUnion("type", [kinds.delimiter, kinds.length, kinds.slip, kinds.cobs, kinds.gap, kinds.raw]),
);
export type FramingConfig = z.infer<typeof framingSchema>;
