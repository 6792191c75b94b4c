import {
  PetioleError,
  WitError,
  type Binding,
  type CapabilityFunctions,
  type Clock,
  type LinkContext,
} from "#provider";
import { PublishError, type MqttConnection, type Outgoing } from "./connection.ts";
import { createDelivery } from "./deliver.ts";
import type { LinkConfig } from "./link-config.ts";
import { decodeMessage, MQTT_PUBLISHER, publishFailure, type WitMessage } from "./mqtt-interface.ts";
import { checkOutgoing } from "./outgoing.ts";
import type { Places } from "./places.ts";
import { subjectOf, topicOf } from "./subject.ts";

export const CONSUMER = "wasmcloud:messaging/consumer";

/** The record `broker-message`. */
interface BrokerMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly replyTo?: string | undefined;
}

export interface BindDeps {
  readonly connection: MqttConnection;
  readonly places: Places;
  readonly clock: Clock;
}

/**
 * Serves one link.
 * @throws PetioleError ERR_LINK_INVALID when a handler is linked without subscriptions
 */
export function bindMqtt(link: LinkContext<LinkConfig>, { connection, places, clock }: BindDeps): Binding {
  if (link.direction === "imports") {
    connection.openPublisher();
    const functions = { ...consumer(link.config, connection), ...publisher(link.config, connection) };
    return { functions, [Symbol.asyncDispose]: async () => {} };
  }
  if (link.config.subscriptions.length === 0) {
    throw new PetioleError(
      "ERR_LINK_INVALID",
      `Cannot link "${link.component}" to MQTT: found no "subscriptions" in the link's configuration, want at least one`,
    );
  }
  const stack = new AsyncDisposableStack();
  const delivery = stack.use(createDelivery(link, { clock, places }));
  stack.use(connection.subscribe(delivery));
  return { functions: {}, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

function consumer(config: LinkConfig, connection: MqttConnection): CapabilityFunctions {
  const mapped = config.subjects === "nats";
  const topic = (subject: string): string => (mapped ? (topicOf(subject) ?? "") : subject);
  const subject = (name: string): string => (mapped ? subjectOf(name) : name);
  const outgoing = (name: string, payload: Uint8Array, replyTo: string | undefined): Outgoing => {
    const { qos, retain, expiry } = config.publish;
    const responseTopic = replyTo === undefined ? undefined : topic(replyTo);
    const properties = { responseTopic, ...(expiry !== undefined && { expiry: Math.round(expiry / 1000) }) };
    const message = { topic: topic(name), payload, qos, retain, properties };
    checkOutgoing(message, config);
    return message;
  };
  return {
    [CONSUMER]: {
      publish: async ({ subject: name, body, replyTo }: BrokerMessage): Promise<void> => {
        await inText(async () => await connection.publish(outgoing(name, body, replyTo)));
      },
      request: async (name: string, body: Uint8Array, timeoutMs: number): Promise<BrokerMessage> => {
        if (timeoutMs === 0) throw new WitError("invalid-argument: a request needs a timeout above 0");
        const answer = await inText(async () => {
          // A retained request would be answered again by whoever subscribes later.
          return await connection.request({ ...outgoing(name, body, undefined), retain: false }, timeoutMs);
        });
        const { responseTopic } = answer.properties;
        const replyTo = responseTopic === undefined ? undefined : subject(responseTopic);
        return { subject: subject(answer.topic), body: answer.payload, replyTo };
      },
    },
  };
}

function publisher(config: LinkConfig, connection: MqttConnection): CapabilityFunctions {
  const publish = async (message: Outgoing): Promise<string> => {
    try {
      checkOutgoing(message, config);
      return await connection.publish(message);
    } catch (error) {
      throw publishFailure(error);
    }
  };
  return {
    [MQTT_PUBLISHER]: {
      publish: async (message: WitMessage): Promise<string> => await publish(decodeMessage(message)),
      "clear-retained": async (topic: string): Promise<void> => {
        await publish({ topic, payload: new Uint8Array(), qos: 1, retain: true, properties: {} });
      },
      state: (): string => (connection.isConnected() ? "connected" : "connecting"),
    },
  };
}

/** `wasmcloud:messaging` has a text for its errors. */
async function inText<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof PublishError ? new WitError(error.message) : error;
  }
}
