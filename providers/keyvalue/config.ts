import { z } from "zod";
import { bytes, duration, kibibytes, mebibytes, millis, seconds, size } from "#provider";

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

const file = z.string().startsWith("/", "want an absolute path");
const tls = z
  .strictObject({ ca_file: file.optional(), cert_file: file.optional(), key_file: file.optional() })
  .refine((given) => (given.cert_file === undefined) === (given.key_file === undefined), {
    message: "cert_file and key_file go together",
  });

const pause = () => duration().refine((value) => value >= 1, "want at least 1ms");

export const redisSchema = z
  .strictObject({
    url: z
      .string()
      .regex(
        /^rediss?:\/\/([^/\s@:[\]]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/,
        "want redis://host:port or rediss://host:port",
      ),
    username: z.string().min(1).max(256).optional(),
    /** Meant for `{ secret: … }`, which has become text by now. */
    password: z.string().min(1).max(65_535).optional(),
    /** Its first line is the password. */
    password_file: file.optional(),
    tls: tls.optional(),
    database: z.int().min(0).max(65_535).default(0),
    /** What every key begins with. */
    prefix: z.string().max(128).default("petiole:"),
    /** For the answer to one command; the connection is made anew after that. */
    timeout: duration()
      .default(seconds(3))
      .refine((value) => value >= 50, "want at least 50ms"),
    connect_timeout: duration()
      .default(seconds(5))
      .refine((value) => value >= 50, "want at least 50ms"),
    /** Commands that may wait for their answers; further ones are refused. */
    max_inflight: z.int().min(1).max(10_000).default(256),
    reconnect: z
      .strictObject({ initial: pause().default(millis(200)), max: pause().default(seconds(30)) })
      .prefault({}),
  })
  .refine((config) => config.username === undefined || (config.password ?? config.password_file) !== undefined, {
    path: ["password_file"],
    message: "want the password of the username",
  })
  .refine(({ password, password_file }) => password === undefined || password_file === undefined, {
    path: ["password_file"],
    message: "want either password or password_file",
  })
  .refine(({ url, tls: given }) => given === undefined || url.startsWith("rediss:"), {
    path: ["tls"],
    message: "want a url with rediss:// for TLS",
  });
export type RedisConfig = z.infer<typeof redisSchema>;

export const natsSchema = z.strictObject({
  /** The bucket of NATS that has all buckets of components. */
  bucket: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'want 1 to 64 letters, digits, "_" or "-"')
    .default("petiole"),
  /** Makes it when it is missing. */
  create: z
    .strictObject({
      history: z.int().min(1).max(64).default(1),
      replicas: z.int().min(1).max(5).default(1),
      storage: z.enum(["file", "memory"]).default("file"),
      /** Both without a limit unless given. */
      max_bytes: size().optional(),
      max_age: duration().optional(),
    })
    .optional(),
  /** Another server than the hub, with a connection of its own. */
  server: z
    .strictObject({
      urls: z
        .array(
          z.string().regex(/^(nats|tls|wss?):\/\/[^\s]+$/, "want nats://host:port, tls://host:port or wss://host:port"),
        )
        .min(1)
        .max(16),
      /** JetStream domain, when the server is not the one that keeps the bucket. */
      domain: z
        .string()
        .regex(/^[A-Za-z0-9_-]{1,64}$/)
        .optional(),
      credentials_file: file.optional(),
      tls: tls.optional(),
    })
    .optional(),
  /** For the answer to one request. */
  timeout: duration()
    .default(seconds(5))
    .refine((value) => value >= 50, "want at least 50ms"),
  /** Requests that may wait for their answers; further ones are refused. */
  max_inflight: z.int().min(1).max(10_000).default(256),
});
export type NatsConfig = z.infer<typeof natsSchema>;
