import type { Qos, Subscription } from "./link-config.ts";

/** Properties of MQTT 5 that applications use. */
export interface Properties {
  readonly payloadIsText?: boolean | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  /** Seconds. */
  readonly expiry?: number | undefined;
  readonly userProperties?: readonly (readonly [name: string, value: string])[] | undefined;
}

interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly properties: Properties;
}

/** A message on its way in. `retain`: it was sent because it is retained, not because somebody published it now. */
export interface Incoming extends Message {
  /** The sender says that it may have sent this before. */
  readonly duplicate: boolean;
  /** Milliseconds since 1970. */
  readonly received: number;
  /**
   * Identifiers of the subscriptions that this copy was sent for, where the broker tells them. With MQTT 5 brokers send
   * one copy for each subscription that matches.
   */
  readonly subscriptions: readonly number[] | undefined;
}

export type Outgoing = Message;

export type PublishOutcome = "sent" | "acknowledged" | "no-subscribers";

export type PublishFailure =
  | "unreachable"
  | "full"
  | "refused"
  | "timeout"
  | "unsupported"
  | "unavailable"
  | "too-large"
  | "invalid-subject"
  | "not-permitted";

/** Why a message was not taken. */
export class PublishError extends Error {
  override readonly name = "PublishError";
  readonly reason: PublishFailure;
  /** The broker's reason code, with MQTT 5. */
  readonly code: number | undefined;

  constructor(reason: PublishFailure, message: string, code?: number) {
    super(message);
    this.reason = reason;
    this.code = code;
  }
}

/** What a subscriber has of a message in the inbox. */
export interface StoredForm {
  readonly subject: string;
  readonly body: Uint8Array;
}

export interface Subscriber {
  readonly filters: readonly Subscription[];
  /** A message's QoS for this subscriber. With 0 it is queued without a promise. */
  readonly effectiveQos: (topic: string, qos: Qos) => Qos;
  /** For one whose messages of QoS 1 and 2 are acknowledged when they are in the inbox: how they are there. */
  readonly store?: ((message: Incoming) => StoredForm) | undefined;
  /**
   * Takes a message of QoS 1 or 2 that is not stored. Resolves when it may be acknowledged: handled, or let go for good.
   * Rejects when the link ends before that; the message must then not be acknowledged.
   */
  readonly deliver: (message: Incoming) => Promise<void>;
  /** Takes a message without waiting for the component; false when too many wait. */
  readonly enqueue: (message: Incoming) => boolean;
}

/** A way to a broker, ours or another. */
export interface MqttConnection extends AsyncDisposable {
  /** Ready to publish, for connections that make theirs only when it is needed. */
  openPublisher(): void;
  isConnected(): boolean;
  /** @throws PublishError */
  publish(message: Outgoing): Promise<PublishOutcome>;
  /** @throws PublishError, also when no answer comes in time */
  request(message: Outgoing, timeoutMs: number): Promise<Incoming>;
  /** Ends the subscriptions when disposed. */
  subscribe(subscriber: Subscriber): Disposable;
}
