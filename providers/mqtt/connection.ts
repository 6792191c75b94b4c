import type { Qos } from "./config.ts";

/** A message on its way in. */
export interface Incoming {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly responseTopic: string | undefined;
  /**
   * Identifiers of the subscriptions that this copy was sent for, where the broker tells them. With MQTT 5 brokers send
   * one copy for each subscription that matches.
   */
  readonly subscriptions: readonly number[] | undefined;
}

export interface Outgoing {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly responseTopic: string | undefined;
}

/** Why a message was not taken; the component sees it as the text of its `err`. */
export class PublishError extends Error {
  override readonly name = "PublishError";
}

export interface Subscriber {
  readonly filters: readonly { readonly topic: string; readonly qos: Qos }[];
  /**
   * Resolves when the message may be acknowledged: handled, or let go for good. Rejects when the link ends before
   * that; the message must then not be acknowledged.
   */
  readonly deliver: (message: Incoming) => Promise<void>;
  /** Takes a message of this agent without waiting for the component; false when too many wait. */
  readonly enqueue: (message: Incoming) => boolean;
}

/** A way to a broker, ours or another. */
export interface MqttConnection extends AsyncDisposable {
  /** Ready to publish, for connections that make theirs only when it is needed. */
  openPublisher(): void;
  /** @throws PublishError */
  publish(message: Outgoing): Promise<void>;
  /** @throws PublishError, also when no answer comes in time */
  request(message: Outgoing, timeoutMs: number): Promise<Incoming>;
  /** Ends the subscriptions when disposed. */
  subscribe(subscriber: Subscriber): Disposable;
}
