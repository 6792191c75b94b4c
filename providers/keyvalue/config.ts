import { z } from "zod";
import { bytes, kibibytes, mebibytes, size } from "#provider";

const name = z.string().min(1).max(128);

export const linkSchema = z.strictObject({
  /** Keeps the buckets of components apart; the component's id unless given. Links with the same one share buckets. */
  namespace: name.regex(/^[^/]+$/, "want a name without slashes").optional(),
  /** Identifiers that the component may open; all unless given. */
  buckets: z.array(name).max(256).optional(),
  /** Larger values are refused. */
  max_value: size().default(kibibytes(1024)),
  /** Longer keys, in bytes of UTF-8, are refused. */
  max_key: size().default(bytes(1024)),
  /** Keys that one call of `batch` may have. */
  max_batch: z.int().min(1).max(10_000).default(1000),
  /** The values of one call of `batch` together. */
  max_batch_size: size().default(mebibytes(4)),
});
export type LinkConfig = z.infer<typeof linkSchema>;

export const sqliteSchema = z.strictObject({});
export type SqliteConfig = z.infer<typeof sqliteSchema>;

export const memorySchema = z.strictObject({
  /** Keys and values together; what would exceed it is refused. */
  capacity: size().default(mebibytes(16)),
});
export type MemoryConfig = z.infer<typeof memorySchema>;
