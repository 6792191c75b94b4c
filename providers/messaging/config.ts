import { z } from "zod";
import { kibibytes, laneRules, size, subjectPattern } from "#provider";

const subscription = z.strictObject({
  subject: subjectPattern(),
  /** Members of one queue group share the messages among them. */
  queue: z
    .string()
    .regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, "want a queue group name without wildcards and white space")
    .optional(),
});

const natsSubscription = subscription
  .extend({
    /** Messages that the hub keeps for this device, each handled once and in order; `subject` is what follows the device. */
    durable: z.boolean().default(false),
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
