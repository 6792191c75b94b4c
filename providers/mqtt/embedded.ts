import { Aedes, type AuthenticateError, type Client } from "aedes";
import { seconds, type Clock, type KeyValueStore, type Logger, type ProviderInbox } from "#provider";
import type { Rights } from "./acl.ts";
import type { BrokerConfig } from "./broker-config.ts";
import type { BrokerPacket } from "./broker-packet.ts";
import { openBrokerServer } from "./broker-server.ts";
import { createBrokerStore, sessionOf } from "./broker-store.ts";
import { readBrokerUsers } from "./broker-users.ts";
import type { MqttConfig } from "./config.ts";
import { PublishError, type Incoming, type MqttConnection, type Outgoing, type Subscriber } from "./connection.ts";
import { createOnce } from "./once.ts";
import { fingerprint, type OpenIds } from "./open-ids.ts";
import { loadRetained } from "./retained.ts";
import { loadSessions } from "./sessions.ts";
import { createSubscribers, InboxFull } from "./subscribers.ts";

/** A subscriber that does not read holds back those who publish; after this it is cut off. */
const DRAIN_TIMEOUT = 5000;
/** Messages of this agent that are on their way to subscribers. */
const MAX_PUBLISHING = 256;
/** Messages of QoS 2 that a client may hold open at once. */
const MAX_OPEN = 256;
const LONGEST_CLIENT_ID = 256;
/** How long a client's message waits for room in the inbox; then the client is disconnected, and keeps it. */
const PATIENCE = seconds(30);

/** What the broker hands out. */
interface ClientPacket {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly qos: 0 | 1 | 2;
  readonly dup?: boolean;
  retain: boolean;
  readonly messageId?: number | undefined;
}

export interface EmbeddedDeps {
  readonly config: BrokerConfig;
  readonly provider: MqttConfig;
  /** For the broker's own. */
  readonly bucket: string;
  readonly keyValue: KeyValueStore;
  readonly inbox: ProviderInbox;
  readonly openIds: OpenIds;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface EmbeddedBroker extends MqttConnection {
  readonly port: number;
}

/**
 * An MQTT 3.1.1 broker in this process. It acknowledges a message of QoS 1 or 2 only after what it leaves behind is on
 * disk: in the inbox of the linked components, in the sessions of absent subscribers, among the retained messages. The
 * broker writes its acknowledgement once the authorisation hook lets a message pass, so all that is done there.
 * @throws PetioleError ERR_PROVIDER_START, ERR_STORE_FAILED
 */
export async function openEmbeddedBroker(deps: EmbeddedDeps): Promise<EmbeddedBroker> {
  const { config, provider, bucket, keyValue, inbox, openIds, clock, log, signal } = deps;
  const users = await readBrokerUsers(config);
  const retained = await loadRetained({ keyValue, bucket, config, log });
  await using opened = new AsyncDisposableStack();
  const sessions = opened.use(await loadSessions({ keyValue, bucket, config, clock, log }));
  const subscribers = createSubscribers({ clock, inbox, grace: provider.link_grace, patience: PATIENCE });
  const store = createBrokerStore({ retained, sessions, openIds });
  const once = createOnce();
  const rights = new WeakMap<Client, Rights>();
  let publishing = 0;

  /** Resolves when the message may be acknowledged and passed on. */
  const take = async ({ id }: Client, packet: ClientPacket): Promise<void> => {
    retained.admit(packet);
    const { qos, retain, messageId } = packet;
    const message = incoming(packet, clock.wall(), false);
    const kept = brokerPacket(packet);
    const prepare = qos > 0 || retain ? async () => await store.prepare(kept) : undefined;
    // A will has no identifier.
    if (qos === 0 || messageId === undefined) return await subscribers.take(message, prepare);
    const session = sessionOf(id);
    const identified = { messageId, topic: packet.topic, payload: packet.payload };
    // Not all clients say that they send something again. [MQTT-4.3.3-2]
    if (qos === 2 && openIds.isOpen(session, identified)) return store.passOver(id, messageId);
    if (qos === 2) store.passOn(id, messageId);
    const along = async (): Promise<void> => {
      await Promise.all([prepare?.(), qos === 2 ? openIds.open(session, identified) : undefined]);
    };
    const key = `${session} ${messageId} ${fingerprint(identified)}`;
    await once.run(key, true, async () => await subscribers.take(message, along));
  };

  const admit = async (client: Client, username: string | undefined, password: Buffer | undefined): Promise<void> => {
    const clientId = client.id;
    if (clientId.length > LONGEST_CLIENT_ID) throw refusal(2, "its identifier is too long");
    const granted = await users.admit({ clientId, username, password });
    if (granted === undefined) throw refusal(5, "its name or password is wrong");
    if (!client.clean && !sessions.has(clientId) && !sessions.hasRoom())
      throw refusal(3, "there are too many sessions");
    rights.set(client, granted);
  };

  const broker = await Aedes.createBroker({
    persistence: store,
    maxInflightInbound: MAX_OPEN,
    drainTimeout: DRAIN_TIMEOUT,
    preConnect: (_client, packet, callback) => {
      if (config.sessions.max === 0) packet.clean = true;
      callback(null, true);
    },
    authenticate: (client, username, password, done) => {
      admit(client, username, password).then(
        () => done(null, true),
        (error: AuthenticateError) => {
          log.warn("Refused an MQTT client", { client: client.id, username, reason: error.message });
          done(error, null);
        },
      );
    },
    authorizeSubscribe: (client, subscription, callback) => {
      if (client !== null && rights.get(client)?.maySubscribe(subscription.topic) === true) {
        return callback(null, subscription);
      }
      log.warn("Refused a subscription of an MQTT client", { client: client?.id, topic: subscription.topic });
      callback(null, null);
    },
    // Who comes with the identifier of a session is sent what waits in it, without being asked who it is.
    authorizeForward: (client, packet) => (rights.get(client)?.mayReceive(packet.topic) === true ? packet : null),
    authorizePublish: (client, packet, callback) => {
      if (client === null || rights.get(client)?.mayPublish(packet.topic) !== true) {
        // MQTT 3.1.1 cannot say no to a message: the connection ends. [MQTT-3.3.5-2]
        return callback(new Error(`it may not publish to "${packet.topic}"`));
      }
      take(client, packet).then(
        () => callback(null),
        (error: unknown) => {
          if (error instanceof InboxFull)
            log.warn("An MQTT client has to wait", { client: client.id, reason: error.message });
          // Without an acknowledgement the client keeps the message; its connection ends.
          callback(error instanceof Error ? error : new Error(String(error)));
        },
      );
    },
  });
  broker.on("client", ({ id }) => sessions.connected(id, true));
  broker.on("clientDisconnect", ({ id }) => sessions.connected(id, false));
  broker.on("clientError", ({ id }, error) => log.warn("MQTT client failed", { client: id, reason: error.message }));
  broker.on("connectionError", (_client, error) => log.warn("MQTT connection failed", { reason: error.message }));
  broker.on("keepaliveTimeout", ({ id }) => log.warn("MQTT client fell silent", { client: id }));
  opened.defer(async () => await new Promise<void>((resolve) => broker.close(resolve)));

  const server = opened.use(
    await openBrokerServer({
      config,
      maxPacket: provider.max_packet,
      onClient: (socket) => void broker.handle(socket),
      log,
      signal,
    }),
  );

  const publish = async (message: Outgoing): Promise<"sent" | "acknowledged"> => {
    if (publishing >= MAX_PUBLISHING) throw new PublishError("full", "full: the broker's subscribers are too slow");
    const { topic, qos } = message;
    const packet = { ...message, payload: Buffer.from(message.payload), dup: false, cmd: "publish" as const };
    const { properties: _, ...sent } = packet;
    retained.admit(sent);
    const prepare = qos > 0 || sent.retain ? async () => await store.prepare(sent) : undefined;
    const taken = { ...packet, retain: false, duplicate: false, received: clock.wall(), subscriptions: undefined };
    publishing += 1;
    let passing = false;
    try {
      if (!(await subscribers.offer(taken, prepare))) {
        throw new PublishError("full", "full: too many messages wait for a component of this agent");
      }
      passing = true;
      // Not waited for: a subscriber that is slow must not use up the component's time.
      broker.publish(sent, (err) => {
        publishing -= 1;
        if (err) log.warn("Cannot pass on a message to MQTT subscribers", { topic, err });
      });
    } finally {
      if (!passing) publishing -= 1;
    }
    return qos === 0 ? "sent" : "acknowledged";
  };

  /** What was retained before the component subscribed. */
  const sendRetained = (subscriber: Subscriber): void => {
    const found = retained.matching(subscriber.filters.map(({ topic }) => topic));
    const dropped = found.filter((packet) => !subscriber.enqueue(incoming(packet, clock.wall(), true))).length;
    if (dropped > 0) log.warn("More retained messages than the link's queue holds, the rest is left out", { dropped });
  };

  const lifetime = opened.move();
  return {
    port: server.port,
    openPublisher: () => {},
    isConnected: () => true,
    publish,
    request: async () => {
      throw new PublishError("unsupported", "unsupported: requests need MQTT 5, the broker of this agent speaks 3.1.1");
    },
    subscribe(subscriber) {
      const subscription = subscribers.add(subscriber);
      sendRetained(subscriber);
      return subscription;
    },
    async [Symbol.asyncDispose]() {
      subscribers[Symbol.dispose]();
      await lifetime.disposeAsync();
    },
  };
}

/** CONNACK with a return code. */
function refusal(returnCode: 2 | 3 | 5, message: string): AuthenticateError {
  // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- The type's enum is not there when the program runs.
  return Object.assign(new Error(message), { returnCode });
}

/** `retain`: not because it is published now, but because it was kept. */
function incoming({ topic, payload, qos, dup = false }: ClientPacket, received: number, retain: boolean): Incoming {
  return {
    topic,
    payload: Buffer.from(payload),
    qos,
    retain,
    duplicate: dup,
    received,
    properties: {},
    subscriptions: undefined,
  };
}

function brokerPacket({ topic, payload, qos, retain }: ClientPacket): BrokerPacket {
  // The very buffer: the store knows the message again by it.
  return { cmd: "publish", topic, payload: typeof payload === "string" ? Buffer.from(payload) : payload, qos, retain };
}
