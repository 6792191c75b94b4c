import type { IClientPublishOptions, IPublishPacket } from "mqtt";
import type { Incoming, Properties } from "./connection.ts";

type UserProperties = Readonly<Record<string, string | readonly string[]>>;

/** A received packet as a message. */
export function incoming(packet: IPublishPacket, received: number): Incoming {
  const { topic, payload, qos, retain, dup, properties = {} } = packet;
  const ids = properties.subscriptionIdentifier;
  const { contentType, responseTopic, correlationData } = properties;
  return {
    topic,
    payload: Buffer.from(payload),
    qos,
    retain,
    duplicate: dup,
    received,
    subscriptions: typeof ids === "number" ? [ids] : ids,
    properties: {
      payloadIsText: properties.payloadFormatIndicator,
      contentType,
      responseTopic,
      correlationData: correlationData === undefined ? undefined : new Uint8Array(correlationData),
      expiry: properties.messageExpiryInterval,
      userProperties: properties.userProperties === undefined ? undefined : pairs(properties.userProperties),
    },
  };
}

// The library groups properties by name, so their order is lost between names.
function pairs(properties: UserProperties): [string, string][] {
  return Object.entries(properties).flatMap(([name, values]) =>
    [values].flat().map((value): [string, string] => [name, value]),
  );
}

/** Properties as the library wants them. */
export function packetProperties(properties: Properties): NonNullable<IClientPublishOptions["properties"]> {
  const { payloadIsText, contentType, responseTopic, correlationData, expiry, userProperties = [] } = properties;
  const grouped = Map.groupBy(userProperties, ([name]) => name);
  // Without a prototype: the names come from components.
  const named: Record<string, string[]> = Object.assign(
    Object.create(null) as Record<string, string[]>,
    Object.fromEntries([...grouped].map(([name, all]) => [name, all.map(([, value]) => value)])),
  );
  return {
    ...(payloadIsText === true && { payloadFormatIndicator: true }),
    ...(contentType !== undefined && { contentType }),
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData) }),
    ...(expiry !== undefined && { messageExpiryInterval: expiry }),
    ...(userProperties.length > 0 && { userProperties: named }),
  };
}
