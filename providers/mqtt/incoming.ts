import type { IPublishPacket } from "mqtt";
import type { Incoming } from "./connection.ts";

/** A received packet as a message. */
export function incoming({ topic, payload, qos, properties }: IPublishPacket): Incoming {
  const ids = properties?.subscriptionIdentifier;
  return {
    topic,
    payload: Buffer.from(payload),
    qos,
    responseTopic: properties?.responseTopic,
    subscriptions: typeof ids === "number" ? [ids] : ids,
  };
}
