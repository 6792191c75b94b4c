// `petiole:mqtt` in the JavaScript mapping of the component model.

import { MessageRejected, WitError } from "#provider";
import { PublishError, type Incoming, type Outgoing, type PublishFailure } from "./connection.ts";
import type { Qos } from "./link-config.ts";

export const MQTT_PUBLISHER = "petiole:mqtt/publisher";
export const MQTT_HANDLER = "petiole:mqtt/message-handler";

const QOS = ["at-most-once", "at-least-once", "exactly-once"] as const;
const NANOS_PER_MILLI = 1_000_000n;

/** The record `message`. */
export interface WitMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: (typeof QOS)[number];
  readonly retain: boolean;
  readonly payloadIsText: boolean;
  readonly contentType: string | undefined;
  readonly responseTopic: string | undefined;
  readonly correlationData: Uint8Array | undefined;
  readonly expiry: number | undefined;
  readonly userProperties: [string, string][];
}

/** The record `delivery`. */
export interface WitDelivery {
  readonly message: WitMessage;
  readonly retained: boolean;
  readonly duplicate: boolean;
  readonly received: bigint;
}

export function encodeDelivery({
  topic,
  payload,
  qos,
  retain,
  duplicate,
  received,
  properties,
}: Incoming): WitDelivery {
  const { payloadIsText = false, contentType, responseTopic, correlationData, expiry } = properties;
  const userProperties = (properties.userProperties ?? []).map(([name, value]): [string, string] => [name, value]);
  return {
    message: {
      topic,
      payload,
      qos: QOS[qos],
      retain,
      payloadIsText,
      contentType,
      responseTopic,
      correlationData,
      expiry,
      userProperties,
    },
    retained: retain,
    duplicate,
    received: BigInt(Math.trunc(received)) * NANOS_PER_MILLI,
  };
}

export function decodeMessage({ topic, payload, qos, retain, ...properties }: WitMessage): Outgoing {
  return { topic, payload, qos: QOS.indexOf(qos) as Qos, retain, properties }; // Its values are these three.
}

/** What a failed call of the handler means: `reject` gives the message up, `retry` and all else do not. */
export function readFailure(error: unknown): unknown {
  if (!(error instanceof WitError)) return error;
  const { tag, val } = error.payload as { readonly tag: "reject" | "retry"; readonly val: string }; // The variant `failure`.
  return tag === "reject" ? new MessageRejected(val) : new WitError(val);
}

const PLAIN: Readonly<Partial<Record<PublishFailure, string>>> = {
  unreachable: "disconnected",
  full: "queue-full",
  timeout: "timeout",
  "too-large": "payload-too-large",
  "invalid-subject": "topic-invalid",
  "not-permitted": "topic-not-permitted",
};

/** A failure to publish as the variant `error-code`; anything else is returned as it is. */
export function publishFailure(error: unknown): unknown {
  if (!(error instanceof PublishError)) return error;
  const plain = PLAIN[error.reason];
  if (plain !== undefined) return new WitError({ tag: plain });
  const { code, message } = error;
  if (code !== undefined) return new WitError({ tag: "refused", val: [code, message] });
  return new WitError({ tag: "other", val: message });
}
