import { timingSafeEqual, createHash } from "node:crypto";
import { once as onceEvent } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Aedes } from "aedes";
import { PetioleError, type Clock, type Logger, type Millis, reasonOf } from "#provider";
import type { BrokerConfig } from "./config.ts";
import { PublishError, type Incoming, type MqttConnection, type Outgoing, type Subscriber } from "./connection.ts";
import { readSecret } from "./secret.ts";
import { createSubscribers } from "./subscribers.ts";

/** A subscriber that does not read holds back those who publish; after this it is cut off. */
const DRAIN_TIMEOUT = 5000;
/** Messages of this agent that are on their way to subscribers. */
const MAX_PUBLISHING = 256;

/** What the broker hands out. */
interface ClientPacket {
  readonly topic: string;
  readonly payload: string | Buffer;
  readonly qos: 0 | 1 | 2;
  retain: boolean;
}

/** The part of the broker's store that its types leave out. */
interface RetainedStore {
  createRetainedStreamCombi(filters: readonly string[]): AsyncIterable<ClientPacket>;
}

export interface EmbeddedDeps {
  readonly config: BrokerConfig;
  readonly grace: Millis;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface EmbeddedBroker extends MqttConnection {
  readonly port: number;
}

/**
 * An MQTT 3.1.1 broker in this process. It acknowledges a message of QoS 1 or 2 only after every linked component has
 * taken it: the broker writes its acknowledgement once the authorisation hook lets a message pass, so the components
 * are called there. Sessions end with the connection: what would wait for absent subscribers has no bound. A publisher
 * that connects again and repeats a message is therefore heard twice, with QoS 2 too.
 * @throws PetioleError ERR_PROVIDER_START
 */
export async function openEmbeddedBroker({ config, grace, clock, log, signal }: EmbeddedDeps): Promise<EmbeddedBroker> {
  const passwords = await readPasswords(config);
  const subscribers = createSubscribers({ clock, grace });
  const retained = new Set<string>();
  let publishing = 0;

  /** Keeps the number of retained messages bounded. */
  const limitRetained = (packet: ClientPacket): void => {
    if (!packet.retain) return;
    if (packet.payload.length === 0) {
      retained.delete(packet.topic);
    } else if (retained.has(packet.topic) || retained.size < config.max_retained) {
      retained.add(packet.topic);
    } else {
      log.warn("Too many retained messages, one is passed on without being kept", { topic: packet.topic });
      packet.retain = false;
    }
  };

  const broker = await Aedes.createBroker({
    // A client may hold this many messages of QoS 2 open at once.
    maxInflightInbound: 256,
    drainTimeout: DRAIN_TIMEOUT,
    preConnect: (_client, packet, callback) => {
      packet.clean = true;
      callback(null, true);
    },
    authenticate: (_client, username, password, done) => {
      if (passwords.size === 0) return done(null, true);
      const known = username === undefined ? undefined : passwords.get(username);
      if (known !== undefined && password !== undefined && timingSafeEqual(digest(password), known)) {
        return done(null, true);
      }
      log.warn("Refused an MQTT client", { username });
      done(null, false);
    },
    authorizePublish: (_client, packet, callback) => {
      if (packet.topic.startsWith("$")) return callback(new Error(`"${packet.topic}" is reserved`));
      limitRetained(packet);
      subscribers.deliver(incoming(packet)).then(
        () => callback(null),
        // Without an acknowledgement the client keeps the message; its connection ends.
        (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
      );
    },
  });
  broker.on("clientError", (client, error) => {
    log.warn("MQTT client failed", { client: client.id, reason: error.message });
  });
  broker.on("connectionError", (_client, error) => log.warn("MQTT connection failed", { reason: error.message }));
  broker.on("keepaliveTimeout", (client) => log.warn("MQTT client fell silent", { client: client.id }));

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    broker.handle(socket);
  });
  server.maxConnections = config.max_clients;
  try {
    await listen(server, config.listen, signal);
  } catch (error) {
    await new Promise<void>((resolve) => broker.close(resolve));
    throw error;
  }
  const { port } = server.address() as AddressInfo; // A TCP server has no other kind of address.
  log.info("MQTT broker listens", { listen: config.listen, port });

  const publish = async (message: Outgoing): Promise<void> => {
    if (publishing >= MAX_PUBLISHING) throw new PublishError("full: the broker's subscribers are too slow");
    const payload = Buffer.from(message.payload);
    const { topic, qos, retain } = message;
    const packet = { cmd: "publish" as const, topic, payload, qos, retain, dup: false };
    limitRetained(packet);
    if (!subscribers.enqueue({ ...message, payload, subscriptions: undefined })) {
      throw new PublishError("full: too many messages wait for a component of this agent");
    }
    publishing += 1;
    // Not waited for: a subscriber that is slow must not use up the component's time.
    broker.publish(packet, (err) => {
      publishing -= 1;
      if (err) log.warn("Cannot pass on a message to MQTT subscribers", { topic, err });
    });
  };

  /** What was retained before the component subscribed. */
  const sendRetained = async (subscriber: Subscriber): Promise<void> => {
    // Not in the package's types.
    const { persistence } = broker as unknown as { readonly persistence: RetainedStore };
    const filters = subscriber.filters.map(({ topic }) => topic);
    let dropped = 0;
    for await (const packet of persistence.createRetainedStreamCombi(filters)) {
      if (!subscribers.has(subscriber)) return;
      if (!subscriber.enqueue(incoming(packet))) dropped += 1;
    }
    if (dropped > 0) log.warn("More retained messages than the link's queue holds, the rest is left out", { dropped });
  };

  return {
    port,
    openPublisher: () => {},
    publish,
    request: async () => {
      throw new PublishError("unsupported: requests need MQTT 5, the broker of this agent speaks 3.1.1");
    },
    subscribe(subscriber) {
      const subscription = subscribers.add(subscriber);
      sendRetained(subscriber).catch((err: unknown) => log.error("Cannot send retained messages", { err }));
      return subscription;
    },
    async [Symbol.asyncDispose]() {
      subscribers[Symbol.dispose]();
      const closed = onceEvent(server, "close");
      server.close();
      await new Promise<void>((resolve) => broker.close(resolve));
      // The broker has closed its clients; what is left has connected and never said who it is.
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function incoming(packet: ClientPacket): Incoming {
  return {
    topic: packet.topic,
    payload: Buffer.from(packet.payload),
    qos: packet.qos,
    responseTopic: undefined,
    subscriptions: undefined,
  };
}

function digest(secret: Uint8Array): Buffer {
  return createHash("sha256").update(secret).digest();
}

async function readPasswords(config: BrokerConfig): Promise<ReadonlyMap<string, Buffer>> {
  const entries = config.users.map(async ({ username, password = "", password_file }) => {
    const secret = password_file === undefined ? password : await readSecret(password_file);
    return [username, digest(Buffer.from(secret))] as const;
  });
  return new Map(await Promise.all(entries));
}

async function listen(server: Server, address: string, signal: AbortSignal): Promise<void> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  server.listen({ host, port: Number(address.slice(colon + 1)) });
  try {
    await onceEvent(server, "listening", { signal });
  } catch (cause) {
    server.close();
    signal.throwIfAborted();
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_PROVIDER_START", `Cannot listen for MQTT on "${address}": ${reason}`, { cause });
  }
}
