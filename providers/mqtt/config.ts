import { z } from "zod";
import { bytes, duration, kibibytes, mebibytes, millis, seconds, size } from "#provider";
import { bridgeSchema } from "./bridge-config.ts";
import { brokerSchema } from "./broker-config.ts";
import { qos } from "./link-config.ts";
import { isTopic } from "./topic.ts";

/** Without any pause, trying again would be all that the agent does. */
const pause = (value: number) =>
  duration()
    .refine((found) => found >= 1, "want at least 1ms")
    .default(millis(value));
const backoff = (initial: number, max: number) =>
  z.strictObject({ initial: pause(initial), max: pause(max) }).prefault({});

const file = z.string().startsWith("/", "want an absolute path");

/** Meant for `{ secret: … }`, which has become text by now. */
const password = z.string().min(1).max(65_535);

/** What the broker publishes for the agent when the connection is lost. */
const will = z.strictObject({
  topic: z.string().refine(isTopic, "want a topic without + and #"),
  payload: z.string().max(65_535).default(""),
  qos: qos.default(1),
  retain: z.boolean().default(false),
  /** How long the broker waits for the agent to come back; MQTT 5 only. */
  delay: duration().default(seconds(0)),
  /** Published, retained as the will is, whenever the connection is made. */
  birth: z.string().max(65_535).optional(),
});
export type WillConfig = z.infer<typeof will>;

/** A broker elsewhere. */
const remote = {
  /** Names the session that the broker keeps; must be unique at the broker. */
  client_id: z.string().min(1).max(128).optional(),
  username: z.string().min(1).optional(),
  password: password.optional(),
  password_file: file.optional(),
  tls: z
    .strictObject({
      ca_file: file.optional(),
      cert_file: file.optional(),
      key_file: file.optional(),
      /** Name that the broker's certificate has to be for, when it is not the one in the url. */
      server_name: z.string().min(1).optional(),
    })
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
  will: will.optional(),
  /** Messages of QoS 1 and 2 that the broker may send before the first of them is acknowledged; MQTT 5 only. */
  receive_maximum: z.int().min(1).max(65_535).default(20),
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
    /** How long messages wait for a component that is being replaced or not yet linked. */
    link_grace: duration().default(seconds(10)),
    /** A larger packet ends the connection that it comes on. */
    max_packet: size()
      .default(mebibytes(1))
      .refine((value) => value >= kibibytes(1) && value <= bytes(268_435_455), "want 1KiB to 255MiB"),
    /** Messages of QoS 1 and 2 that are acknowledged and that no component has handled yet. */
    inbox: z
      .strictObject({
        max_messages: z.int().min(1).max(100_000).default(10_000),
        max_size: size().default(mebibytes(16)),
        /** Messages that wait for a link that is gone for so long are given up. */
        unclaimed: duration().default(seconds(86_400)),
      })
      .prefault({}),
    bridge: bridgeSchema,
    broker: brokerSchema.optional(),
  })
  .refine((config) => config.url !== undefined || config.broker !== undefined, {
    path: ["url"],
    message: "want the url of a broker, a broker of our own, or both",
  })
  .refine(
    ({ bridge, url, broker }) =>
      [...bridge.out, ...bridge.in].every(({ via }) =>
        via === undefined ? url === undefined || broker === undefined : (via === "url" ? url : broker) !== undefined,
      ),
    { path: ["bridge"], message: 'want "via" of each rule to be one of url and broker that there is' },
  )
  .refine((config) => config.password === undefined || config.password_file === undefined, {
    path: ["password_file"],
    message: "want either password or password_file",
  });
export type MqttConfig = z.infer<typeof mqttSchema>;
export type RemoteConfig = MqttConfig & { readonly url: string };
