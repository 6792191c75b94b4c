import { z } from "zod";
import { duration, kibibytes, millis, seconds, size } from "#provider";
import { isFilter } from "./topic.ts";

export const qos = z.union([z.literal(0), z.literal(1), z.literal(2)]);
export type Qos = z.infer<typeof qos>;

export const topicFilter = () =>
  z.string().refine(isFilter, "want a topic filter, such as sensors/+/temp, sensors/# or $share/group/sensors/#");

const subscription = z.strictObject({
  topic: topicFilter(),
  qos: qos.default(1),
  /** What this connection published does not come back; MQTT 5 only. */
  no_local: z.boolean().default(false),
  /** When retained messages come: at every connection, for a subscription that the session does not have, or never; MQTT 5 only. */
  retained: z.enum(["always", "new", "never"]).default("always"),
});
export type Subscription = z.infer<typeof subscription>;

export const linkSchema = z.strictObject({
  /** Needed when the provider has both. */
  via: z.enum(["url", "broker"]).optional(),
  subscriptions: z.array(subscription).max(64).default([]),
  /** How the component names a topic: as it is, or as a NATS subject. */
  subjects: z.enum(["topic", "nats"]).default("topic"),
  publish: z
    .strictObject({
      qos: qos.default(1),
      retain: z.boolean().default(false),
      /** After which the broker may discard the message; MQTT 5 only. */
      expiry: duration()
        .refine((value) => value >= 1000, "want at least 1s")
        .optional(),
      /** What may be published to. */
      topics: z.array(topicFilter()).max(64).default(["#"]),
    })
    .prefault({}),
  /** When a message of QoS 1 or 2 is acknowledged: once it is in the inbox, or only when the component has handled it. */
  acknowledge: z.enum(["stored", "handled"]).default("stored"),
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
  /** Messages of QoS 0 that may wait for the component in memory. */
  queue: z.int().min(1).max(100_000).default(256),
});
export type LinkConfig = z.infer<typeof linkSchema>;
