import { millis, type Clock, type Logger } from "#provider";
import { clientOptions, openClient, type OpenClient } from "./client.ts";
import type { RemoteConfig } from "./config.ts";
import { PublishError, type MqttConnection, type Subscriber } from "./connection.ts";
import { keepConnected } from "./keep-connected.ts";
import { incoming } from "./incoming.ts";
import { createOnce } from "./once.ts";
import { createPublisher, type Publisher } from "./publisher.ts";
import { createSubscribers } from "./subscribers.ts";
import { subscriptionIdentifier } from "./topic.ts";
import type { IClientOptions, IPublishPacket } from "mqtt";

const RECEIVE_MAXIMUM = 20;

export interface RemoteDeps {
  readonly id: string;
  readonly config: RemoteConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A broker elsewhere. Messages come in over one connection, whose session the broker keeps while the agent is away,
 * and go out over another: on a connection that holds a message back, no acknowledgement of a publish is read.
 * @throws PetioleError ERR_PROVIDER_START when a password or a certificate cannot be read
 */
export async function openRemote({ id, config, clock, log }: RemoteDeps): Promise<MqttConnection> {
  const common = await clientOptions(config);
  const clientId = config.client_id ?? `petiole-${id}`;
  const subscribers = createSubscribers({ clock, grace: config.link_grace });
  const once = createOnce();
  const stopping = new AbortController();
  const stack = new AsyncDisposableStack();
  let receiving = false;
  let up: OpenClient | undefined;
  let publisher: Publisher | undefined;

  const onMessage = async (packet: IPublishPacket): Promise<void> => {
    const deliver = async (): Promise<void> => await subscribers.deliver(incoming(packet));
    const { qos, messageId, dup } = packet;
    if (qos === 0 || messageId === undefined) return await deliver();
    // The broker uses the identifier again after our PUBACK, or after its PUBREL.
    await once.run(messageId, { repeated: dup, keep: qos === 2 }, deliver);
  };

  const subscribeAt = ({ client }: OpenClient, filters: Iterable<readonly [string, 0 | 1 | 2]>): void => {
    for (const [topic, qos] of filters) {
      const properties = { subscriptionIdentifier: subscriptionIdentifier(topic) };
      client.subscribe(topic, { qos, ...(config.protocol === "5" && { properties }) }, (err) => {
        // A refusal by the broker comes as an error, too. After a lost connection this is asked again.
        if (err) log.warn("Cannot subscribe at the MQTT broker", { topic, err });
      });
    }
  };

  const receive = (): void => {
    if (receiving) return;
    receiving = true;
    stack.use(
      keepConnected({
        what: "receiving",
        open: async (signal) => await openClient({ ...base, options: session(), onMessage, signal }),
        onUp: (opened) => {
          up = opened;
          // Without the session, the message identifiers start anew.
          if (!opened.sessionPresent) once.clear();
          opened.client.on("packetreceive", (packet) => {
            if (packet.cmd === "pubrel" && packet.messageId !== undefined) once.release(packet.messageId);
          });
          subscribeAt(opened, subscribers.filters);
        },
        onDown: () => {
          up = undefined;
        },
        backoff: config.reconnect,
        clock,
        log,
      }),
    );
  };

  const base = { url: config.url, timeout: config.connect_timeout };
  const session = (): IClientOptions => ({
    ...common,
    clientId,
    clean: config.clean,
    ...(config.protocol === "5" && {
      properties: {
        receiveMaximum: RECEIVE_MAXIMUM,
        ...(!config.clean && { sessionExpiryInterval: Math.round(config.session_expiry / 1000) }),
      },
    }),
  });

  /**
   * The broker goes on to keep messages for a link that ended, for as long as the component may be replaced: the
   * subscription ends only when the agent still runs, and still lacks it, after that. Stopping the agent ends none.
   */
  const unsubscribeLater = async (subscriber: Subscriber): Promise<void> => {
    try {
      await clock.sleep(config.link_grace, stopping.signal);
    } catch {
      return;
    }
    const wanted = subscribers.filters;
    const unwanted = subscriber.filters.map(({ topic }) => topic).filter((topic) => !wanted.has(topic));
    if (unwanted.length > 0) up?.client.unsubscribe(unwanted);
  };

  return {
    openPublisher() {
      publisher ??= stack.use(createPublisher({ ...base, common, clientId, config, clock, log }));
    },
    async publish(message) {
      if (publisher === undefined) throw new PublishError("unreachable: not connected to the broker");
      await publisher.publish(message);
    },
    async request(message, timeoutMs) {
      if (publisher === undefined) throw new PublishError("unreachable: not connected to the broker");
      return await publisher.request(message, millis(timeoutMs));
    },
    subscribe(subscriber) {
      const before = subscribers.filters;
      const subscription = subscribers.add(subscriber);
      receive();
      const added = [...subscribers.filters].filter(([topic, qos]) => (before.get(topic) ?? -1) < qos);
      if (up !== undefined) subscribeAt(up, added);
      return {
        [Symbol.dispose]: () => {
          subscription[Symbol.dispose]();
          void unsubscribeLater(subscriber);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the provider stops"));
      subscribers[Symbol.dispose]();
      await stack.disposeAsync();
    },
  };
}
