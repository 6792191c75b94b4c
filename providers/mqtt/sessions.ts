import { millis, minutes, type Clock, type KeyValueStore, type Logger, type Millis } from "#provider";
import type { BrokerConfig } from "./broker-config.ts";
import { decodePacket, encodePacket, hashOf, readBucket, type BrokerPacket } from "./broker-packet.ts";
import { matchesTopic } from "./topic.ts";

export interface SessionsDeps {
  readonly keyValue: KeyValueStore;
  readonly bucket: string;
  readonly config: BrokerConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SessionSubscription {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
}

/** A message that waits for a subscriber. */
export interface Waiting {
  readonly key: string;
  packet: BrokerPacket;
  /** Which message of the running broker it is. */
  counter: number | undefined;
}

interface Session {
  readonly id: string;
  readonly filters: Map<string, 0 | 1 | 2>;
  readonly queue: Waiting[];
  connected: boolean;
  /** When its client left, or the broker started. */
  left: Millis;
  dropped: number;
}

/**
 * What clients that asked for it find again when they come back: their subscriptions, and the messages of QoS 1 and 2 that
 * were published meanwhile. What resolves is on disk.
 */
export interface Sessions extends AsyncDisposable {
  has(client: string): boolean;
  /** Whether another client may leave a session behind. */
  hasRoom(): boolean;
  connected(client: string, connected: boolean): void;
  filters(client: string): readonly SessionSubscription[];
  /** @throws PetioleError ERR_STORE_FAILED */
  subscribe(client: string, subscriptions: readonly SessionSubscription[]): Promise<void>;
  /** @throws PetioleError ERR_STORE_FAILED */
  unsubscribe(client: string, topics: readonly string[]): Promise<void>;
  /** @throws PetioleError ERR_STORE_FAILED */
  end(client: string): Promise<void>;
  matching(topic: string): readonly { readonly client: string; readonly topic: string; readonly qos: 0 | 1 | 2 }[];
  /** Queues a message for all that subscribed to it; for one whose queue is full it is dropped and counted. */
  enqueue(packet: BrokerPacket): { readonly waiting: ReadonlyMap<string, Waiting>; readonly stored: Promise<void> };
  queue(client: string): readonly Waiting[];
  /** @throws PetioleError ERR_STORE_FAILED */
  rewrite(waiting: Waiting, packet: BrokerPacket): Promise<void>;
  /** @throws PetioleError ERR_STORE_FAILED */
  remove(client: string, waiting: Waiting): Promise<void>;
}

const SESSION = "s.";
const MESSAGE = "o.";
const DIGITS = 16;

const sessionKey = (client: string): string => `${SESSION}${hashOf(client)}`;

/** @throws PetioleError ERR_STORE_FAILED */
export async function loadSessions({ keyValue, bucket, config, clock, log }: SessionsDeps): Promise<Sessions> {
  const limits = config.sessions;
  const sessions = new Map<string, Session>();
  const stop = new AbortController();
  let seq = 0;
  let size = 0;

  const create = (id: string): Session => {
    const left = clock.monotonic();
    const session = { id, filters: new Map(), queue: [], connected: false, left, dropped: 0 };
    sessions.set(id, session);
    return session;
  };

  for (const [, value] of await readBucket(keyValue, bucket, SESSION)) {
    // Our own writing, out of our own store.
    const [id, filters] = JSON.parse(Buffer.from(value).toString()) as [string, [string, 0 | 1 | 2][]];
    const session = create(id);
    for (const [topic, qos] of filters) session.filters.set(topic, qos);
  }
  const byHash = new Map([...sessions.values()].map((session) => [hashOf(session.id), session]));
  for (const [key, value] of await readBucket(keyValue, bucket, MESSAGE)) {
    const [, hash = "", number] = key.split(".");
    const packet = decodePacket(value);
    const session = byHash.get(hash);
    seq = Math.max(seq, Number(number));
    if (packet === undefined || session === undefined) {
      await keyValue.delete(bucket, key);
      continue;
    }
    session.queue.push({ key, packet, counter: undefined });
    size += packet.payload.length;
  }

  const save = async ({ id, filters }: Session): Promise<void> => {
    await keyValue.set(bucket, sessionKey(id), Buffer.from(JSON.stringify([id, [...filters]])));
  };

  const end = async (id: string): Promise<void> => {
    const session = sessions.get(id);
    if (session === undefined) return;
    sessions.delete(id);
    size -= session.queue.reduce((sum, { packet }) => sum + packet.payload.length, 0);
    const keys = [...session.queue.map(({ key }) => key), sessionKey(id)];
    await Promise.all(keys.map(async (key) => await keyValue.delete(bucket, key)));
  };

  const add = (session: Session, packet: BrokerPacket): Waiting | undefined => {
    if (session.queue.length >= limits.max_messages || size + packet.payload.length > limits.max_size) {
      session.dropped += 1;
      // Not at every message: a client that stays away must not flood the log.
      if (Number.isInteger(Math.log2(session.dropped))) {
        log.warn("Too many messages wait for an MQTT client, newer ones are dropped", {
          client: session.id,
          dropped: session.dropped,
          topic: packet.topic,
        });
      }
      return undefined;
    }
    seq += 1;
    const key = `${MESSAGE}${hashOf(session.id)}.${String(seq).padStart(DIGITS, "0")}`;
    const waiting = { key, packet, counter: undefined };
    session.queue.push(waiting);
    size += packet.payload.length;
    return waiting;
  };

  const matching = (topic: string) =>
    [...sessions.values()].flatMap((session) => {
      const found = [...session.filters].filter(([filter]) => matchesTopic(filter, topic));
      const best = found.sort(([, a], [, b]) => b - a)[0];
      return best === undefined || best[1] === 0 ? [] : [{ session, client: session.id, topic: best[0], qos: best[1] }];
    });

  const expire = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(millis(Math.min(limits.expiry, minutes(1))), stop.signal);
      for (const { id, connected, left } of sessions.values()) {
        if (connected || clock.monotonic() - left < limits.expiry) continue;
        log.info("The session of an MQTT client has expired", { client: id });
        await end(id).catch((err: unknown) => log.error("Cannot remove an expired session", { client: id, err }));
      }
    }
  };
  const expiring = expire().catch(() => {});

  return {
    has: (client) => sessions.has(client),
    hasRoom: () => sessions.size < limits.max,
    connected(client, connected) {
      const session = sessions.get(client);
      if (session === undefined) return;
      session.connected = connected;
      session.left = clock.monotonic();
    },
    filters: (client) => [...(sessions.get(client)?.filters ?? [])].map(([topic, qos]) => ({ topic, qos })),
    async subscribe(client, subscriptions) {
      const session = sessions.get(client) ?? create(client);
      session.connected = true;
      for (const { topic, qos } of subscriptions) session.filters.set(topic, qos);
      await save(session);
    },
    async unsubscribe(client, topics) {
      const session = sessions.get(client);
      if (session === undefined) return;
      for (const topic of topics) session.filters.delete(topic);
      await save(session);
    },
    end,
    matching: (topic) => matching(topic).map(({ client, topic: filter, qos }) => ({ client, topic: filter, qos })),
    enqueue(packet) {
      const waiting = new Map<string, Waiting>();
      for (const { session, qos } of matching(packet.topic)) {
        const kept = { ...packet, retain: false, qos: qos < packet.qos ? qos : packet.qos };
        const added = add(session, kept);
        if (added !== undefined) waiting.set(session.id, added);
      }
      const writes = [...waiting.values()].map(async ({ key, packet: kept }) => {
        await keyValue.set(bucket, key, encodePacket(kept));
      });
      return { waiting, stored: Promise.all(writes).then(() => {}) };
    },
    queue: (client) => sessions.get(client)?.queue ?? [],
    async rewrite(waiting, packet) {
      waiting.packet = packet;
      await keyValue.set(bucket, waiting.key, encodePacket(packet));
    },
    async remove(client, waiting) {
      const session = sessions.get(client);
      const at = session?.queue.indexOf(waiting) ?? -1;
      if (session === undefined || at < 0) return;
      session.queue.splice(at, 1);
      session.dropped = 0;
      size -= waiting.packet.payload.length;
      await keyValue.delete(bucket, waiting.key);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the broker stops"));
      await expiring;
    },
  };
}
