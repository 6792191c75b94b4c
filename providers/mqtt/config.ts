import { z } from "zod";
import { duration, kibibytes, millis, seconds, size } from "#provider";
import { isFilter } from "./topic.ts";

const backoff = (initial: number, max: number) =>
  z.strictObject({ initial: duration().default(millis(initial)), max: duration().default(millis(max)) }).prefault({});

const file = z.string().startsWith("/", "want an absolute path");

/** Meant for `{ secret: … }`, which has become text by now. */
const password = z.string().min(1).max(65_535);

const LOOPBACK = /^(127\.|\[::1\]|localhost:)/;

const broker = z
  .strictObject({
    /** Host and port; port 0 takes a free one. */
    listen: z
      .string()
      .regex(/^(\[[0-9a-fA-F:]+\]|[^:[\]]+):\d{1,5}$/, "want host:port, such as 127.0.0.1:1883")
      .default("127.0.0.1:1883"),
    users: z
      .array(
        z
          .strictObject({ username: z.string().min(1), password: password.optional(), password_file: file.optional() })
          .refine((user) => (user.password === undefined) !== (user.password_file === undefined), {
            path: ["password"],
            message: "want either password or password_file",
          }),
      )
      .max(256)
      .default([]),
    /** Needed to listen beyond this device without users. */
    allow_anonymous: z.boolean().default(false),
    max_clients: z.int().min(1).max(10_000).default(256),
    /** Topics with a retained message; beyond it, messages lose their retain flag. */
    max_retained: z.int().min(0).max(100_000).default(1000),
  })
  .refine((broker) => broker.users.length > 0 || broker.allow_anonymous || LOOPBACK.test(broker.listen), {
    path: ["users"],
    message: 'want users, or "allow_anonymous: true", to listen beyond this device',
  });
export type BrokerConfig = z.infer<typeof broker>;

/** A broker elsewhere. */
const remote = {
  /** Names the session that the broker keeps; must be unique at the broker. */
  client_id: z.string().min(1).max(128).optional(),
  username: z.string().min(1).optional(),
  password: password.optional(),
  password_file: file.optional(),
  tls: z
    .strictObject({ ca_file: file.optional(), cert_file: file.optional(), key_file: file.optional() })
    .refine(
      (tls) => (tls.cert_file === undefined) === (tls.key_file === undefined),
      "cert_file and key_file go together",
    )
    .optional(),
  protocol: z.enum(["3.1.1", "5"]).default("3.1.1"),
  keep_alive: duration()
    .default(seconds(60))
    .refine((value) => value >= 5000 && value <= 65_535_000, "want 5s to 65535s"),
  connect_timeout: duration().default(seconds(10)),
  /** True lets the broker forget what arrives while the agent is away. */
  clean: z.boolean().default(false),
  /** How long the broker keeps the session; MQTT 5 only. */
  session_expiry: duration().default(seconds(7 * 86_400)),
  /** How long messages wait for a component that is being replaced or not yet linked. */
  link_grace: duration().default(seconds(10)),
  /** Publishes that may wait for the broker's acknowledgement. */
  max_inflight: z.int().min(1).max(10_000).default(64),
  reconnect: backoff(500, 30_000),
};

export const mqttSchema = z
  .strictObject({
    url: z
      .string()
      .regex(/^mqtts?:\/\/[^/\s@]+$/, "want mqtt://host:port or mqtts://host:port")
      .optional(),
    ...remote,
    broker: broker.optional(),
  })
  .refine((config) => config.url !== undefined || config.broker !== undefined, {
    path: ["url"],
    message: "want the url of a broker, a broker of our own, or both",
  })
  .refine((config) => config.password === undefined || config.password_file === undefined, {
    path: ["password_file"],
    message: "want either password or password_file",
  });
export type MqttConfig = z.infer<typeof mqttSchema>;
export type RemoteConfig = MqttConfig & { readonly url: string };

const qos = z.union([z.literal(0), z.literal(1), z.literal(2)]);
export type Qos = z.infer<typeof qos>;

export const linkSchema = z.strictObject({
  /** Needed when the provider has both. */
  via: z.enum(["url", "broker"]).optional(),
  subscriptions: z
    .array(
      z.strictObject({
        topic: z.string().refine(isFilter, "want a topic filter, such as sensors/+/temp or sensors/#"),
        qos: qos.default(1),
      }),
    )
    .max(64)
    .default([]),
  publish: z.strictObject({ qos: qos.default(1), retain: z.boolean().default(false) }).prefault({}),
  /** Tries of the component on one message of QoS 1 or 2, and the delays between them. */
  retry: z
    .strictObject({
      attempts: z.int().min(1).max(100).default(5),
      initial: duration().default(millis(200)),
      max: duration().default(seconds(5)),
    })
    .prefault({}),
  /** Larger messages are refused. */
  max_body: size().default(kibibytes(256)),
  /** Messages of the agent's own components that may wait for the component. */
  queue: z.int().min(1).max(100_000).default(256),
});
export type LinkConfig = z.infer<typeof linkSchema>;
