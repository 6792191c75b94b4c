import { PetioleError, WitError, type Binding, type Clock, type LinkContext } from "#provider";
import type { LinkConfig } from "./config.ts";
import { PublishError, type MqttConnection, type Outgoing } from "./connection.ts";
import { createDelivery } from "./deliver.ts";
import { isTopic } from "./topic.ts";

export const CONSUMER = "wasmcloud:messaging/consumer";

/** The record `broker-message`. */
interface BrokerMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly replyTo?: string | undefined;
}

/**
 * Serves one link. A topic is the component's subject, as it is.
 * @throws PetioleError ERR_LINK_INVALID when a handler is linked without subscriptions
 */
export function bindMqtt(link: LinkContext<LinkConfig>, connection: MqttConnection, clock: Clock): Binding {
  const { subscriptions } = link.config;
  if (link.direction === "imports") {
    connection.openPublisher();
    return consumer(link.config, connection);
  }
  if (subscriptions.length === 0) {
    throw new PetioleError(
      "ERR_LINK_INVALID",
      `Cannot link "${link.component}" to MQTT: found no "subscriptions" in the link's configuration, want at least one`,
    );
  }
  const stack = new AsyncDisposableStack();
  const delivery = stack.use(createDelivery(link, clock));
  stack.use(connection.subscribe({ filters: subscriptions, deliver: delivery.deliver, enqueue: delivery.enqueue }));
  return { functions: {}, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

function consumer(config: LinkConfig, connection: MqttConnection): Binding {
  const outgoing = (subject: string, body: Uint8Array, replyTo: string | undefined): Outgoing => {
    if (!isTopic(subject) || (replyTo !== undefined && !isTopic(replyTo))) {
      throw new WitError("invalid-subject: a topic is not empty and has no + and #");
    }
    if (body.byteLength > config.max_body) {
      throw new WitError(`too-large: this link takes messages of at most ${config.max_body} bytes`);
    }
    return { topic: subject, payload: body, responseTopic: replyTo, ...config.publish };
  };
  return {
    functions: {
      [CONSUMER]: {
        publish: async ({ subject, body, replyTo }: BrokerMessage): Promise<void> => {
          await witErrors(connection.publish(outgoing(subject, body, replyTo)));
        },
        request: async (subject: string, body: Uint8Array, timeoutMs: number): Promise<BrokerMessage> => {
          if (timeoutMs === 0) throw new WitError("invalid-argument: a request needs a timeout above 0");
          // A retained request would be answered again by whoever subscribes later.
          const message = { ...outgoing(subject, body, undefined), retain: false };
          const { topic, payload, responseTopic } = await witErrors(connection.request(message, timeoutMs));
          return { subject: topic, body: payload, replyTo: responseTopic };
        },
      },
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function witErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof PublishError ? new WitError(error.message) : error;
  }
}
