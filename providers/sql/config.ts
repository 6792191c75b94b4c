import { z } from "zod";
import { duration, kibibytes, mebibytes, millis, minutes, seconds, size } from "#provider";

const file = z.string().startsWith("/", "want an absolute path");

export const linkSchema = z.strictObject({
  /** Results with more rows fail. */
  max_rows: z.int().min(1).max(1_000_000).default(10_000),
  /** Results with more bytes in their values and column names fail. */
  max_result: size().default(mebibytes(1)),
  /** Longer statements and batches fail, in bytes. */
  max_statement: size().default(kibibytes(256)),
  /** Prepared statements that the component may have; the oldest goes. */
  max_prepared: z.int().min(1).max(1000).default(64),
});
export type LinkConfig = z.infer<typeof linkSchema>;

/** Shorter than a call into a component may take unless configured otherwise. */
const statementTimeout = duration()
  .default(seconds(4))
  .refine((value) => value >= 10 && value <= minutes(60), "want 10ms to 1h");

/** A server that is away is not asked without end. */
const pause = () => duration().refine((value) => value >= 10 && value <= minutes(60), "want 10ms to 1h");

/** Statements that may wait for a connection; further ones fail. */
const queue = z.int().min(0).max(10_000).default(64);

export const postgresSchema = z
  .strictObject({
    /** Name, address, or the absolute path of the folder with the server's socket. */
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).default(5432),
    database: z.string().min(1),
    user: z.string().min(1),
    password: z.string().min(1).optional(),
    password_file: file.optional(),
    /** False for a connection without TLS. */
    tls: z
      .union([
        z.literal(false),
        z
          .strictObject({
            /** Certificate authorities instead of the system's. */
            ca_file: file.optional(),
            cert_file: file.optional(),
            key_file: file.optional(),
            /** The name that the server's certificate is for, when it is not the host. */
            server_name: z.string().min(1).optional(),
          })
          .refine(
            (tls) => (tls.cert_file === undefined) === (tls.key_file === undefined),
            "cert_file and key_file go together",
          ),
      ])
      .prefault({}),
    application_name: z.string().min(1).max(63).default("petiole"),
    max_connections: z.int().min(1).max(64).default(4),
    queue,
    connect_timeout: duration()
      .default(seconds(3))
      .refine((value) => value >= 100 && value <= minutes(1), "want 100ms to 1m"),
    statement_timeout: statementTimeout,
    /** A connection that nobody used for so long is closed. */
    idle_timeout: duration()
      .default(minutes(5))
      .refine((value) => value >= 1000 && value <= minutes(1440), "want 1s to 1d"),
    reconnect: z
      .strictObject({
        initial: pause().default(millis(500)),
        max: pause().default(seconds(30)),
      })
      .prefault({}),
  })
  .refine((config) => config.password === undefined || config.password_file === undefined, {
    path: ["password_file"],
    message: "want either password or password_file",
  })
  .refine(({ host, tls }) => tls === false || !host.startsWith("/"), {
    path: ["tls"],
    message: "there is no TLS over a socket of this device, want false",
  });
export type PostgresConfig = z.infer<typeof postgresSchema>;

export const sqliteSchema = z.strictObject({
  /** The database, which is made when it is not there; its folder has to be. */
  file: file.refine(
    // Two builds of SQLite in one process must not share a file.
    (path) => !/\/petiole\.[^/]*$/.test(path),
    'want another name: files named "petiole.…" are the agent\'s own',
  ),
  /** What the database may grow to; what would exceed it fails. */
  max_size: size()
    .default(mebibytes(64))
    .refine((value) => value >= kibibytes(64) && value <= 2 ** 40, "want 64KiB to 1TiB"),
  /** `full`: on disk when a statement returns. `normal`: a power cut may take the last ones back, and none in part. */
  sync: z.enum(["full", "normal"]).default("full"),
  queue,
  statement_timeout: statementTimeout,
});
export type SqliteConfig = z.infer<typeof sqliteSchema>;
