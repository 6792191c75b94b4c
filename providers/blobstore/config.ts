import { z } from "zod";
import { duration, gibibytes, mebibytes, seconds, size } from "#provider";

const file = z.string().startsWith("/", "want an absolute path");

/** A list, or a text with commas: the values of a lattice's configuration are texts. */
const names = z
  .union([z.string().transform((text) => text.split(",").map((one) => one.trim())), z.array(z.string())])
  .pipe(z.array(z.string().min(1).max(240)).min(1).max(256));

export const fsSchema = z.strictObject({
  /** Made when missing. */
  folder: file,
  max_container: size().optional(),
  max_total: size().default(gibibytes(1)),
  /** Of a container. */
  max_objects: z.int().min(1).max(1_000_000).default(10_000),
});
export type FsConfig = z.infer<typeof fsSchema>;

export const natsSchema = z.strictObject({
  /** The agent's own connection to the hub is used without them. */
  urls: z
    .union([z.string().transform((url) => [url]), z.array(z.string())])
    .pipe(
      z
        .array(z.url({ protocol: /^(nats|tls|ws|wss)$/ }))
        .min(1)
        .max(16),
    )
    .optional(),
  domain: z.string().min(1).max(64).optional(),
  credentials_file: file.optional(),
  tls: z.strictObject({ ca_file: file.optional(), cert_file: file.optional(), key_file: file.optional() }).optional(),
  max_container: size().default(mebibytes(256)),
  replicas: z.int().min(1).max(5).default(1),
  storage: z.enum(["file", "memory"]).default("file"),
  timeout: duration()
    .refine((value) => value >= 100 && value <= 600_000, "want 100ms to 10m")
    .default(seconds(10)),
});
export type NatsConfig = z.infer<typeof natsSchema>;

export const linkSchema = z.strictObject({
  /** What the containers' names are apart by; the component's id unless given. */
  namespace: z.string().max(80).optional(),
  /** Others are refused. */
  containers: names.optional(),
  read_only: z.boolean().default(false),
  max_object: size().default(mebibytes(64)),
});
export type LinkConfig = z.infer<typeof linkSchema>;
