import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { formatReference, parseReference } from "../domain/artifact-reference.ts";
import { LANES } from "../domain/outbox.ts";
import { SecretReference } from "../domain/secret.ts";
import { isSubjectFilter } from "../domain/subject.ts";
import { credentialsFile } from "../lib/enrolment-folder.ts";
import { IDENTITY_POLICIES } from "../lib/identity.ts";
import { LOG_LEVELS } from "../lib/log.ts";
import { duration, size } from "../lib/schema.ts";
import { markReferences } from "../lib/secret-references.ts";
import { parseWitName } from "../domain/wit-name.ts";
import { isVersion } from "../trust/version.ts";
import { agentUpdateSchema } from "./agent-update-schema.ts";
import { DEFAULT_STATE_DIR } from "./default-file.ts";
import { operatorSchema } from "./operator-schema.ts";
import { secretsSchema, subjectPrefix } from "./secrets-schema.ts";
import { trustSchema } from "./trust-schema.ts";

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

/** The monitoring of a nats-server knows no passwords, and neither does that of the agent. */
const loopback = address.refine((text) => /^(127\.|\[::1\]|localhost:)/.test(text), "want a loopback address");

/** A subject that local clients and the hub may share. The first token is named, so that no grant is for everything. */
const sharedSubject = z
  .string()
  .refine(isSubjectFilter, "want a NATS subject such as sensors.boiler, sensors.* or sensors.>")
  .refine(
    (text) => !/^[*>$_]/.test(text),
    "want a subject whose first token is written out and does not start with $ or _",
  );

/** What the outbox sends under cannot be sent around it. */
const outboundSubject = sharedSubject.refine(
  (text) => text.split(".", 1)[0] !== "petiole",
  "want a subject that does not start with petiole: the outbox alone sends there",
);

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

/** The public name of a lattice: a token of subjects and a part of bucket names. */
const latticeName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "want letters, digits, - and _, at most 64");
/** A component that is fetched, in its full spelling. */
const image = z.string().transform((text, context) => {
  const parsed = parseReference(text);
  if ("reference" in parsed) return formatReference(parsed.reference);
  context.addIssue(parsed.fault);
  return z.NEVER;
});

/** Of a registry, as references name it. */
const registryHost = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/, "want host or host:port such as registry.example:5000");

/** How long a message is worth sending. */
const ttl = z.union([z.literal("none"), duration()]);

/** A limit on a rate, or none. */
const rate = <T, I>(limit: z.ZodType<T, I>): z.ZodType<T | "unlimited", I | "unlimited"> =>
  z.union([z.literal("unlimited"), limit]);

/** A path that starts at `folder` unless it is absolute. */
const pathFrom = (folder: string) =>
  z
    .string()
    .min(1)
    .transform((text) => (isAbsolute(text) ? text : resolve(folder, text)));

/** An exported function, such as `my:app/health#check`. */
const exportedFunction = z.string().transform((text, context) => {
  const [name = "", fn = "", ...rest] = text.split("#");
  const parsed = parseWitName(name);
  const isFunction = /^[a-z][a-z0-9-]*$/.test(fn) && rest.length === 0;
  if (parsed !== undefined && parsed.version === undefined && isFunction) return { interface: name, function: fn };
  context.addIssue(`found "${text}", want an interface without a version and a function, such as my:app/health#check`);
  return z.NEVER;
});

const probe = z
  .strictObject({
    call: exportedFunction.optional(),
    http: z
      .string()
      .regex(/^\/\S*$/, "want a path such as /health")
      .optional(),
    timeout: duration().prefault("5s"),
    count: z.int().min(1).max(100).default(1),
  })
  .refine(({ call, http }) => (call === undefined) !== (http === undefined), "want either call or http");

/** How a component that runs gets another version. */
const updatePolicy = z.strictObject({
  trial: duration().prefault("5m"),
  max_failures: z.int().min(0).max(1_000_000).default(3),
  max_growth: size().optional(),
  max_crashes: z.int().min(1).max(100).default(3),
  beside: z.boolean().default(true),
  probe: probe.optional(),
});

/** Of a provider or a link, whose own schema checks it. An object with the key `secret` stands for a secret. */
const workloadConfig = z
  .unknown()
  .transform((config, context) =>
    markReferences(config, (path, message) => context.addIssue({ code: "custom", path: [...path], message })),
  )
  .optional();

const secretReference = z.unknown().transform((value, context) => {
  const fault = (path: readonly PropertyKey[], message: string): void =>
    context.addIssue({ code: "custom", path: [...path], message });
  const reference = markReferences(value, fault);
  if (reference instanceof SecretReference) return reference;
  fault([], "want a secret, such as { secret: api-token }");
  return z.NEVER;
});

/** What runs: the same in the file and in a document of the hub. */
const workloadShape = (path: ReturnType<typeof pathFrom>) => ({
  components: z
    .record(
      id,
      z.strictObject({
        file: path.optional(),
        image: image.optional(),
        image_pull: z.enum(["missing", "always"]).default("missing"),
        digest: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits")
          .optional(),
        signed_name: z.string().min(1).max(128).optional(),
        config: strings.default({}),
        secrets: z.record(z.string().min(1).max(128), secretReference).default({}),
        env: strings.default({}),
        deadline: duration().prefault("5s"),
        memory: size().prefault("32MiB"),
        queue: z.int().min(1).max(100_000).default(256),
        max_instances: z.int().min(1).max(1000).default(1),
        max_table: z.int().min(1).max(10_000_000).default(100_000),
        outbox_quota: size().optional(),
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
        update: updatePolicy.prefault({}),
      }),
    )
    .default({}),
  providers: z.record(id, z.strictObject({ type: z.string().min(1), config: workloadConfig })).default({}),
  links: z
    .array(
      z.strictObject({
        from: id,
        to: id,
        interfaces: z.array(interfaceName).min(1),
        name: id.default("default"),
        config: workloadConfig,
      }),
    )
    .default([]),
});

/** The schema of a desired-state document; relative paths start at `folder`, as those of `petiole.yaml` do. */
export function documentSchema(folder: string) {
  return z.strictObject({ agent: wantedAgent.optional(), ...workloadShape(pathFrom(folder)) });
}

/** The release of petiole that the device should run. */
const wantedAgent = z.strictObject({
  version: z.string().refine(isVersion, "want a version such as 1.2.0"),
  release: image,
});

export type WantedAgent = Readonly<z.output<typeof wantedAgent>>;

/** The schema of `petiole.yaml`. `folder` is where the file lies: relative paths in it start there. */
export function configSchema(folder: string) {
  const path = pathFrom(folder);

  const localUser = z
    .strictObject({
      name: id.optional(),
      password_file: path.optional(),
      nkey: z
        .string()
        .regex(/^U[A-Z2-7]{55}$/, "want the public key of a user: U and 55 letters and digits")
        .optional(),
    })
    .transform((user, context) => {
      const { name, password_file: passwordFile, nkey } = user;
      if (nkey !== undefined && name === undefined && passwordFile === undefined) return { nkey };
      if (nkey === undefined && name !== undefined && passwordFile !== undefined) return { name, passwordFile };
      context.addIssue("want either nkey, or name and password_file");
      return z.NEVER;
    });

  const local = z.strictObject({
    users: z.array(localUser).max(64).default([]),
    grants: z
      .strictObject({
        publish: z.array(outboundSubject).max(64).default([]),
        subscribe: z.array(sharedSubject).max(64).default([]),
      })
      .prefault({}),
    outbox: z
      .array(z.strictObject({ subject: sharedSubject, lane: z.enum(LANES), ttl: duration().optional() }))
      .max(64)
      .default([]),
  });

  const registry = z
    .strictObject({
      user: z.string().min(1).optional(),
      password_file: path.optional(),
      token_file: path.optional(),
      ca_file: path.optional(),
      insecure: z.boolean().default(false),
    })
    .superRefine((value, context) => {
      const { user, password_file: password, token_file: token, ca_file: ca, insecure } = value;
      if ((user === undefined) !== (password === undefined)) context.addIssue("want both user and password_file");
      if (user !== undefined && token !== undefined) context.addIssue("want either a user or a token_file");
      if (insecure && ca !== undefined) context.addIssue("insecure is plain http, which needs no ca_file");
    });

  const hub = z
    .strictObject({
      mode: z.enum(["leaf", "direct"]).default("leaf"),
      urls: z
        .array(z.string().regex(/^(nats|nats-leaf|tls|ws|wss):\/\/\S+$/, "want a URL such as tls://hub.example:7422"))
        .min(1),
      enrolled: z.boolean().default(false),
      credentials_file: path.optional(),
      nkey_file: path.optional(),
      tls: z
        .strictObject({
          ca_file: path.optional(),
          cert_file: path.optional(),
          key_file: path.optional(),
          handshake_first: z.boolean().default(false),
        })
        .refine((value) => (value.cert_file === undefined) === (value.key_file === undefined), {
          message: "a client certificate needs both cert_file and key_file",
        })
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
      object_buckets: z.array(id).max(64).default(["components", "releases"]),
      poll_interval: duration().prefault("2s"),
      echo_interval: duration().prefault("15s"),
      echo_timeout: duration().prefault("3s"),
      ping_interval: duration().prefault("10s"),
    })
    // A hub answers JetStream requests that come through a leaf node only when they name its domain.
    .refine((value) => value.mode !== "leaf" || value.domain !== undefined, {
      path: ["domain"],
      message: "leaf mode needs the JetStream domain of the hub",
    })
    .superRefine((value, context) => {
      const fault = (path: string, message: string): void =>
        context.addIssue({ code: "custom", path: [path], message });
      const every = (scheme: RegExp): boolean => value.urls.every((url) => scheme.test(url));
      const webSockets = every(/^wss?:/);
      if (value.mode === "direct" && !every(/^(nats|tls|wss?):/)) {
        fault("urls", "direct mode wants nats://, tls://, ws:// or wss:// URLs of client ports");
      }
      if (!webSockets && value.urls.some((url) => /^wss?:/.test(url))) {
        fault("urls", "websockets and other URLs cannot be mixed");
      }
      if (webSockets && value.mode === "direct" && value.tls !== undefined) {
        fault("tls", "a websocket in direct mode trusts the system's authorities and shows no certificate");
      }
      if (webSockets && value.tls?.handshake_first === true) {
        fault("tls", "a websocket starts with TLS anyway: handshake_first is for other URLs");
      }
      if (value.credentials_file !== undefined && value.nkey_file !== undefined) {
        fault("nkey_file", "credentials_file has an nkey of its own: want one of the two");
      }
      if (value.enrolled && (value.credentials_file ?? value.nkey_file) !== undefined) {
        fault("enrolled", "the device gets its credentials by enrolment: want neither credentials_file nor nkey_file");
      }
    });

  const whole = z.strictObject({
    device: z.strictObject({ id, identity_check: z.enum(IDENTITY_POLICIES).default("hardware") }),
    state_dir: path.default(DEFAULT_STATE_DIR),
    cache_dir: path.default("/var/cache/petiole"),
    runtime_dir: path.default("/run/petiole"),
    store: z.strictObject({ volatile: z.enum(["warn", "refuse", "accept"]).default("warn") }).prefault({}),
    log: z
      .strictObject({
        level: z.enum(LOG_LEVELS).default("info"),
        rate: z.int().min(1).max(100_000).default(200),
        summary: duration()
          .refine((value) => value === 0 || value >= 1000, "want at least 1s, or 0s for none")
          .prefault("1m"),
      })
      .prefault({}),
    clock: z.strictObject({ source: z.enum(["auto", "trusted"]).default("auto") }).prefault({}),
    hub: hub.optional(),
    leaf: z
      .strictObject({
        listen: address.default("127.0.0.1:4222"),
        monitor: loopback.default("127.0.0.1:8222"),
        server: path.optional(),
        reconnect: duration()
          .refine((value) => value >= 1000, "want at least 1s")
          .prefault("8s"),
        local: local.optional(),
      })
      .prefault({}),
    outbox: z
      .strictObject({
        max_size: size()
          .refine((value) => value >= 1024 * 1024, "want at least 1MiB")
          .prefault("256MiB"),
        max_message: size().prefault("960KiB"),
        hub_hold: duration().prefault("150s"),
        component_quota: size().optional(),
        drain: z
          .strictObject({
            messages: rate(z.int().min(1)).default(500),
            bytes: rate(size()).prefault("256KiB"),
            jitter: duration().prefault("30s"),
          })
          .prefault({}),
        lanes: z
          .strictObject({
            critical: z.strictObject({ ttl: ttl.optional() }).prefault({}),
            standard: z
              .strictObject({
                ttl: ttl.optional(),
                max_size: size().optional(),
                when_full: z.enum(["drop-oldest", "shed"]).optional(),
                commit_interval: duration().optional(),
                commit_rows: z.int().min(1).max(10_000).optional(),
              })
              .prefault({}),
            latest: z
              .strictObject({
                ttl: ttl.optional(),
                max_size: size().optional(),
                commit_interval: duration().optional(),
              })
              .prefault({}),
            ephemeral: z.strictObject({ ttl: ttl.optional(), max_size: size().optional() }).prefault({}),
          })
          .prefault({}),
      })
      .prefault({}),
    lattice: z
      .strictObject({
        name: latticeName.default("default"),
        labels: z.record(z.string().min(1).max(128), z.string().max(256)).default({}),
        heartbeat: duration()
          .refine((value) => value >= 1000, "want at least 1s")
          .prefault("30s"),
        components_folder: path.optional(),
        secrets_prefix: subjectPrefix.optional(),
        executables: z
          .strictObject({
            from_outside: z.boolean().default(false),
            folder: path.optional(),
            credentials_file: path.optional(),
            max_size: size().prefault("256MiB"),
            stop_delay: duration()
              .refine((value) => value >= 100, "want at least 100ms")
              .prefault("1s"),
          })
          .prefault({}),
        update: updatePolicy.prefault({}),
      })
      .optional(),
    operator: operatorSchema(path, address).optional(),
    compiler: z.strictObject({ memory: size().prefault("384MiB"), timeout: duration().prefault("2m") }).prefault({}),
    runtime: z
      .strictObject({
        workers: z.int().min(1).max(64).default(1),
        cache_size: size().prefault("256MiB"),
        trusted_keys: z.array(path).default([]),
      })
      .prefault({}),
    secrets: secretsSchema(path).prefault({}),
    trust: trustSchema(path).optional(),
    agent_update: agentUpdateSchema(path).optional(),
    metrics: z.strictObject({ listen: loopback.optional() }).prefault({}),
    updates: z.strictObject({ max_size: size().prefault("128MiB") }).prefault({}),
    artifacts: z
      .strictObject({
        max_size: size().prefault("512MiB"),
        stall_timeout: duration()
          .refine((value) => value >= 1000, "want at least 1s")
          .prefault("30s"),
        docker_config: path.optional(),
        registries: z.record(registryHost, registry).default({}),
      })
      .prefault({}),
    ...workloadShape(path),
  });
  return whole.transform((config) =>
    config.hub === undefined ? config : { ...config, hub: withOwnCredentials(config.hub, config.state_dir) },
  );
}

/** A device that enrolled has its credentials where enrolling puts them. */
function withOwnCredentials<
  Hub extends { readonly enrolled: boolean; readonly credentials_file?: string | undefined } | undefined,
>(hub: Hub, stateDir: string): Hub {
  return hub?.enrolled === true ? { ...hub, credentials_file: credentialsFile(stateDir) } : hub;
}

/** The part of a configuration that says what runs. */
export type Workloads = Pick<Config, "components" | "providers" | "links">;

export type Config = Readonly<z.output<ReturnType<typeof configSchema>>>;
