import { z } from "zod";
import { kibibytes, size } from "#provider";
import { framingSchema } from "./framing/config.ts";
import { label, lineShape } from "./line/config.ts";

const port = z.strictObject({ ...lineShape, framing: framingSchema.prefault({}) });
export type PortConfig = z.infer<typeof port>;

export const serialSchema = z.strictObject({
  ports: z
    .record(label, port)
    .refine((ports) => Object.keys(ports).length > 0, "want at least one port")
    .refine((ports) => Object.keys(ports).length <= 64, "want at most 64 ports"),
});
export type SerialConfig = z.infer<typeof serialSchema>;

export const linkSchema = z.strictObject({
  /** Labels that the component may use. */
  ports: z.array(label).min(1),
  /** Lets the component send. */
  write: z.boolean().default(false),
  /** Frames of one port that wait for the component; beyond it the oldest is dropped and counted. */
  queue: z.int().min(1).max(100_000).default(256),
  /** Bytes of one port that wait to be read as they came; beyond it the oldest are dropped and counted. */
  read_buffer: size()
    .refine((bytes) => bytes >= 1 && bytes <= 16 * 1024 * 1024, "want 1B to 16MiB")
    .default(kibibytes(64)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
