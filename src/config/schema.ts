import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { LOG_LEVELS } from "../lib/log.ts";
import { duration, size } from "../lib/schema.ts";
import { parseWitName } from "../domain/wit-name.ts";

/** Ids become NATS subject tokens and file names. */
const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "want letters, digits, - and _, at most 64");

const interfaceName = z.string().superRefine((text, context) => {
  const name = parseWitName(text);
  if (name === undefined) context.addIssue(`found "${text}", want a WIT interface such as wasi:keyvalue/store`);
  else if (name.version !== undefined) context.addIssue(`found "${text}", want it without a version`);
});

/** Component configuration and environment are strings to the component; YAML numbers and booleans are taken as written. */
const strings = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .transform((entries) => Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, String(value)])));

/** `host:port`; an IPv6 host stands in brackets. */
const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, "want host:port such as 127.0.0.1:4222")
  .refine((text) => isPort(Number(text.slice(text.lastIndexOf(":") + 1))), "want a port from 1 to 65535");

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

/** The monitoring of a nats-server knows no passwords. */
const loopback = address.refine((text) => /^(127\.|\[::1\]|localhost:)/.test(text), "want a loopback address");

/** Path by which a component knows a folder. */
const guestPath = z
  .string()
  .regex(/^\/([^/\0]+(\/[^/\0]+)*)?$/, "want an absolute path such as /data")
  .refine((text) => !text.split("/").some((part) => part === "." || part === ".."), "want a path without . and ..");

/** Where a component may connect to. */
const destination = z
  .string()
  .regex(
    /^(\[[0-9a-fA-F:.]+\]|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*):(\*|\d{1,5})$/,
    "want host:port such as api.example:443, *.example:443 or 10.0.0.7:*",
  )
  .refine(
    (text) => text.endsWith(":*") || isPort(Number(text.slice(text.lastIndexOf(":") + 1))),
    "want a port from 1 to 65535",
  );

/** A path that starts at `folder` unless it is absolute. */
const pathFrom = (folder: string) =>
  z
    .string()
    .min(1)
    .transform((text) => (isAbsolute(text) ? text : resolve(folder, text)));

/** What runs: the same in the file and in a document of the hub. */
const workloadShape = (path: ReturnType<typeof pathFrom>) => ({
  components: z
    .record(
      id,
      z.strictObject({
        file: path,
        digest: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits")
          .optional(),
        config: strings.default({}),
        env: strings.default({}),
        deadline: duration().prefault("5s"),
        memory: size().prefault("32MiB"),
        queue: z.int().min(1).max(100_000).default(256),
        max_instances: z.int().min(1).max(1000).default(1),
        max_table: z.int().min(1).max(10_000_000).default(100_000),
        cpu: z.number().min(0.01).max(1).default(1),
        log_rate: z.number().min(0.1).max(10_000).default(50),
        isolation: z.enum(["shared", "dedicated"]).default("shared"),
        recycle: z
          .strictObject({
            calls: z.int().min(1).optional(),
            age: duration().optional(),
            memory: size().optional(),
          })
          .prefault({}),
        folders: z
          .array(z.strictObject({ host: path, guest: guestPath, write: z.boolean().default(false) }))
          .default([]),
        network: z.array(destination).default([]),
      }),
    )
    .default({}),
  providers: z.record(id, z.strictObject({ type: z.string().min(1), config: z.unknown().optional() })).default({}),
  links: z
    .array(
      z.strictObject({
        from: id,
        to: id,
        interfaces: z.array(interfaceName).min(1),
        name: id.default("default"),
        config: z.unknown().optional(),
      }),
    )
    .default([]),
});

/** The schema of a desired-state document; relative paths start at `folder`, as those of `petiole.yaml` do. */
export function documentSchema(folder: string) {
  return z.strictObject(workloadShape(pathFrom(folder)));
}

/** The schema of `petiole.yaml`. `folder` is where the file lies: relative paths in it start there. */
export function configSchema(folder: string) {
  const path = pathFrom(folder);

  const hub = z
    .strictObject({
      mode: z.enum(["leaf", "direct"]).default("leaf"),
      urls: z
        .array(z.string().regex(/^(nats|nats-leaf|tls|ws|wss):\/\/\S+$/, "want a URL such as tls://hub.example:7422"))
        .min(1),
      credentials_file: path.optional(),
      tls: z
        .strictObject({ ca_file: path.optional(), cert_file: path.optional(), key_file: path.optional() })
        .optional(),
      domain: id.optional(),
      stream: z.strictObject({ name: id.default("PETIOLE"), create: z.boolean().default(false) }).prefault({}),
      inbox: z
        .strictObject({
          name: id.default("PETIOLE_IN"),
          create: z.boolean().default(false),
          max_age: duration().prefault("30d"),
          max_messages: z.int().min(1).max(100_000).default(1000),
          max_size: size().prefault("16MiB"),
          max_attempts: z.int().min(1).max(1000).default(5),
          unclaimed: duration().prefault("1d"),
        })
        .prefault({}),
      desired_state: z.boolean().default(false),
      poll_interval: duration().prefault("2s"),
      echo_interval: duration().prefault("15s"),
      echo_timeout: duration().prefault("3s"),
    })
    // A hub answers JetStream requests that come through a leaf node only when they name its domain.
    .refine((value) => value.mode !== "leaf" || value.domain !== undefined, {
      path: ["domain"],
      message: "leaf mode needs the JetStream domain of the hub",
    })
    .refine((value) => value.mode !== "direct" || value.urls.every((url) => /^(nats|tls):/.test(url)), {
      path: ["urls"],
      message: "direct mode wants nats:// or tls:// URLs of client ports",
    });

  return z.strictObject({
    device: z.strictObject({ id }),
    state_dir: path.default("/var/lib/petiole"),
    cache_dir: path.default("/var/cache/petiole"),
    runtime_dir: path.default("/run/petiole"),
    log: z.strictObject({ level: z.enum(LOG_LEVELS).default("info") }).prefault({}),
    hub: hub.optional(),
    leaf: z
      .strictObject({
        listen: address.default("127.0.0.1:4222"),
        monitor: loopback.default("127.0.0.1:8222"),
        server: path.optional(),
      })
      .prefault({}),
    outbox: z
      .strictObject({
        max_size: size().prefault("256MiB"),
        max_message: size().prefault("960KiB"),
        commit_interval: duration().prefault("1s"),
        commit_rows: z.int().min(1).max(10_000).default(128),
      })
      .prefault({}),
    compiler: z.strictObject({ memory: size().prefault("384MiB"), timeout: duration().prefault("2m") }).prefault({}),
    runtime: z
      .strictObject({
        workers: z.int().min(1).max(64).default(1),
        cache_size: size().prefault("256MiB"),
        trusted_keys: z.array(path).default([]),
      })
      .prefault({}),
    ...workloadShape(path),
  });
}

/** The part of a configuration that says what runs. */
export type Workloads = Pick<Config, "components" | "providers" | "links">;

export type Config = Readonly<z.output<ReturnType<typeof configSchema>>>;
