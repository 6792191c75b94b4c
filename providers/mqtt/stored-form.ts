// How a message lies in the inbox: four bytes of length, JSON of that length, then the payload.

import type { Incoming } from "./connection.ts";

const HEAD = 4;

export function encodeStored(message: Incoming): Uint8Array {
  const { topic, payload, qos, retain, duplicate, received, properties } = message;
  const correlationData =
    properties.correlationData === undefined ? undefined : Buffer.from(properties.correlationData).toString("base64");
  const about = { topic, qos, retain, duplicate, received, properties: { ...properties, correlationData } };
  const json = Buffer.from(JSON.stringify(about));
  const head = Buffer.alloc(HEAD);
  head.writeUInt32BE(json.length);
  return Buffer.concat([head, json, payload]);
}

/** @throws SyntaxError or RangeError for what `encodeStored` has not made */
export function decodeStored(body: Uint8Array): Incoming {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const end = HEAD + bytes.readUInt32BE();
  // Our own writing, out of our own store.
  const about = JSON.parse(bytes.toString("utf8", HEAD, end)) as Omit<Incoming, "payload" | "subscriptions"> & {
    readonly properties: { readonly correlationData?: string };
  };
  const { correlationData } = about.properties;
  return {
    ...about,
    payload: new Uint8Array(bytes.subarray(end)),
    properties: {
      ...about.properties,
      correlationData:
        correlationData === undefined ? undefined : new Uint8Array(Buffer.from(correlationData, "base64")),
    },
    subscriptions: undefined,
  };
}
