import { z } from "zod";
import { LANES, duration, isSubject, subjectPattern } from "#provider";
import { qos, topicFilter } from "./link-config.ts";
import { isTopic } from "./topic.ts";

const via = z.enum(["url", "broker"]).optional();

const outgoing = z.strictObject({
  topic: topicFilter(),
  qos: qos.default(1),
  /** Needed when the provider has both. */
  via,
  /** Put before the topic's subject, with a dot. */
  prefix: z.string().refine(isSubject, "want a NATS subject without wildcards, such as plant.floor-1").optional(),
  lane: z.enum(LANES).default("critical"),
  /** Longest that a message is worth sending; the lane's own limit holds as well. */
  ttl: duration().optional(),
});
export type OutgoingRule = z.infer<typeof outgoing>;

const incoming = z.strictObject({
  subject: subjectPattern(),
  via,
  /** Kept by the hub while the device is away, and by the device while the broker is. */
  durable: z.boolean().default(true),
  /** Put before the subject's topic, with a slash. */
  prefix: z.string().refine(isTopic, "want a topic without wildcards, such as cloud/in").optional(),
  qos: qos.default(1),
  retain: z.boolean().default(false),
});
export type IncomingRule = z.infer<typeof incoming>;

/** Messages that go between a broker and the lattice without a component. */
export const bridgeSchema = z
  .strictObject({ out: z.array(outgoing).max(64).default([]), in: z.array(incoming).max(64).default([]) })
  .prefault({});
export type BridgeConfig = z.infer<typeof bridgeSchema>;
