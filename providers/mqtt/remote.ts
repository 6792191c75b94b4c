import { millis, reasonOf, type Clock, type Logger, type ProviderInbox } from "#provider";
import type { IClientOptions, IPublishPacket } from "mqtt";
import { openClient, readClientBase, type OpenClient } from "./client.ts";
import type { RemoteConfig } from "./config.ts";
import { PublishError, type MqttConnection, type Subscriber } from "./connection.ts";
import { incoming } from "./incoming.ts";
import { keepConnected } from "./keep-connected.ts";
import type { Subscription } from "./link-config.ts";
import { createOnce } from "./once.ts";
import type { OpenIds } from "./open-ids.ts";
import { createPublisher, type Publisher } from "./publisher.ts";
import { createSubscribers } from "./subscribers.ts";
import { subscriptionIdentifier } from "./topic.ts";

const RETAIN_HANDLING = { always: 0, new: 1, never: 2 } as const;

export interface RemoteDeps {
  readonly id: string;
  readonly config: RemoteConfig;
  readonly inbox: ProviderInbox;
  readonly openIds: OpenIds;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A broker elsewhere. Messages come in over one connection, whose session the broker keeps while the agent is away,
 * and go out over another: on a connection that holds a message back, no acknowledgement of a publish is read.
 * @throws PetioleError ERR_PROVIDER_START when a password or a certificate cannot be read
 */
export async function openRemote({ id, config, inbox, openIds, clock, log }: RemoteDeps): Promise<MqttConnection> {
  const base = await readClientBase(config);
  const clientId = config.client_id ?? `petiole-${id}`;
  // What is open belongs to a session at a broker.
  const session = `${config.url} ${clientId}`;
  // Nothing else is read meanwhile, answers to our pings neither.
  const patience = millis(config.keep_alive / 2);
  const subscribers = createSubscribers({ clock, inbox, grace: config.link_grace, patience });
  const once = createOnce();
  const stopping = new AbortController();
  const stack = new AsyncDisposableStack();
  let receiving = false;
  let up: OpenClient | undefined;
  let publisher: Publisher | undefined;

  const onMessage = async (packet: IPublishPacket, admitted: () => void): Promise<void> => {
    const message = incoming(packet, clock.wall());
    const { qos, messageId, dup, topic, payload } = packet;
    if (qos === 0 || messageId === undefined) return await subscribers.take(message);
    const identified = { messageId, topic, payload };
    if (qos === 2 && dup && openIds.isOpen(session, identified)) return;
    const along = qos === 2 ? async () => await openIds.open(session, identified) : undefined;
    // The broker uses the identifier again after our PUBACK, or after its PUBREL.
    await once.run(messageId, dup, async () => await subscribers.take(message, along, admitted));
  };

  const subscribeAt = ({ client }: OpenClient, filters: Iterable<Subscription>): void => {
    for (const { topic, qos, no_local, retained } of filters) {
      const properties = { subscriptionIdentifier: subscriptionIdentifier(topic) };
      const options = config.protocol === "5" ? { nl: no_local, rh: RETAIN_HANDLING[retained], properties } : {};
      client.subscribe(topic, { qos, ...options }, (err) => {
        // A refusal by the broker comes as an error, too. After a lost connection this is asked again.
        if (err) log.warn("Cannot subscribe at the MQTT broker", { topic, err });
      });
    }
  };

  /** While the inbox is full the messages are better off at the broker. */
  const waitForRoom = async (signal: AbortSignal): Promise<void> => {
    if (inbox.hasRoom()) return;
    log.warn("The inbox is full: messages stay at the MQTT broker until components have handled some");
    const room = Promise.withResolvers<void>();
    using _listener = inbox.onRoom(() => inbox.hasRoom() && room.resolve());
    const abort = (): void => room.reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await room.promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  };

  const open = async (signal: AbortSignal): Promise<OpenClient> => {
    await waitForRoom(signal);
    const onRelease = async (messageId: number): Promise<void> => await openIds.release(session, messageId);
    return await openClient({ ...base, options: sessionOptions(), onMessage, onRelease, signal });
  };

  const receive = (): void => {
    if (receiving) return;
    receiving = true;
    stack.use(
      keepConnected({
        what: "receiving",
        open,
        onUp: (opened) => {
          up = opened;
          subscribeAt(opened, subscribers.filters.values());
          if (opened.sessionPresent) return;
          // Without the session, the message identifiers start anew.
          once.clear();
          openIds.clear(session).catch((err: unknown) => {
            log.error("Cannot forget the identifiers of a session that is gone", { reason: reasonOf(err) });
          });
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

  const sessionOptions = (): IClientOptions => ({
    ...base.options,
    clientId,
    clean: config.clean,
    ...(config.protocol === "5" && {
      properties: {
        receiveMaximum: config.receive_maximum,
        maximumPacketSize: config.max_packet,
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

  const publishing = (): Publisher => {
    if (publisher === undefined) throw new PublishError("unreachable", "unreachable: not connected to the broker");
    return publisher;
  };
  const openPublisher = (): void => {
    publisher ??= stack.use(createPublisher({ base, clientId, config, clock, log }));
  };
  // It also tells the broker what to say when the agent is gone.
  if (config.will !== undefined) openPublisher();

  return {
    openPublisher,
    isConnected: () => publisher?.isConnected() ?? false,
    publish: async (message) => await publishing().publish(message),
    request: async (message, timeoutMs) => await publishing().request(message, millis(timeoutMs)),
    subscribe(subscriber) {
      const before = subscribers.filters;
      const subscription = subscribers.add(subscriber);
      receive();
      const added = [...subscribers.filters.values()].filter(({ topic, qos }) => (before.get(topic)?.qos ?? -1) < qos);
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
