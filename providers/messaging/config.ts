import { z } from "zod";
import { duration, kibibytes, laneRules, minutes, seconds, size, subjectPattern, isSubject } from "#provider";

const subscription = z.strictObject({
  subject: subjectPattern(),
  /** Members of one queue group share the messages among them. */
  queue: z
    .string()
    .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, "want a queue group name without wildcards and white space")
    .optional(),
});

/** Of streams and consumers. */
const jetStreamName = () =>
  z
    .string()
    .max(128)
    .regex(/^[^\s.*>/\\]+$/, "want a name without dots, wildcards, slashes and white space");

const stream = z.strictObject({
  /** Of the hub's stream. */
  name: jetStreamName(),
  /** Of the durable consumer on it. Members that name the same one share its messages. */
  consumer: jetStreamName(),
  /** Where a consumer that has to be made begins: with what the stream holds, or with what comes from then on. */
  start: z.enum(["all", "new"]).default("all"),
  /** False lets others go on while a message waits for its next attempt. */
  ordered: z.boolean().default(true),
  /** How long the hub waits for word of a message before it sends it again. */
  ack_wait: duration()
    .default(seconds(30))
    .refine((value) => value >= 1000 && value <= minutes(60), "want 1s to 1h"),
  /** A message that the component failed on so often is given up. */
  max_deliver: z.int().min(1).max(1000).default(10),
  backoff: z
    .strictObject({ initial: duration().default(seconds(1)), max: duration().default(minutes(1)) })
    .prefault({}),
  /** Where messages that are given up go, through the outbox. */
  dead_letter: z.string().refine(isSubject, "want a NATS subject without wildcards").optional(),
});
export type StreamSubscription = z.infer<typeof stream>;

const natsSubscription = subscription
  .extend({
    /** Messages that the hub keeps for this device, each handled once and in order; `subject` is what follows the device. */
    durable: z.boolean().default(false),
    /** Messages that another stream of the hub holds. */
    stream: stream.optional(),
  })
  .refine((one) => one.stream === undefined || (one.queue === undefined && !one.durable), {
    path: ["stream"],
    message:
      "a subscription to a stream is neither durable in the inbox nor of a queue group: its consumer is what is shared",
  })
  .refine(({ durable, queue }) => !durable || queue === undefined, {
    path: ["queue"],
    message: "a durable subscription has no queue group: its messages are for this device alone",
  });

/** Larger messages are refused; a NATS server takes 1 MiB unless configured otherwise. */
const maxBody = size().default(kibibytes(1024));

/** The first lane whose subject matches takes the message; what matches none goes to core NATS at once. */
export const natsLinkSchema = z.strictObject({
  subscriptions: z.array(natsSubscription).max(64).default([]),
  max_body: maxBody,
  lanes: laneRules().default([]),
  /** Where the component may not publish, ask, or have answers sent. */
  deny: z.array(subjectPattern()).max(64).default([]),
});
export type NatsLinkConfig = z.infer<typeof natsLinkSchema>;

export const memoryLinkSchema = z.strictObject({
  subscriptions: z.array(subscription).max(64).default([]),
  max_body: maxBody,
});
export type MemoryLinkConfig = z.infer<typeof memoryLinkSchema>;

export const natsSchema = z.strictObject({
  /** `local`: the clients of the device's own server. `hub`: the cloud. Without a server of its own, both are the hub. */
  side: z.enum(["local", "hub"]).default("local"),
});
export type NatsConfig = z.infer<typeof natsSchema>;

export const memorySchema = z.strictObject({
  /** Messages that wait for one subscription before further ones are dropped and counted. */
  queue: z.int().min(1).max(100_000).default(1000),
});
export type MemoryConfig = z.infer<typeof memorySchema>;
