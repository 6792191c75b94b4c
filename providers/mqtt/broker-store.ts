// What aedes keeps, over restarts: retained messages, sessions with what waits for them, and which messages of QoS 2 their
// senders have not released. Wills are in memory: a broker that ends publishes none.

import { Readable } from "node:stream";
import { hashOf, type BrokerPacket } from "./broker-packet.ts";
import type { OpenIds } from "./open-ids.ts";
import type { Retained } from "./retained.ts";
import type { Sessions, SessionSubscription, Waiting } from "./sessions.ts";

/** A packet as aedes has it; identified by the counter of the running broker. */
interface AedesPacket {
  readonly cmd: "publish" | "pubrel";
  readonly brokerId?: string;
  readonly brokerCounter?: number;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly messageId?: number;
}

interface AedesClient {
  readonly id: string;
}

export interface BrokerStoreDeps {
  readonly retained: Retained;
  readonly sessions: Sessions;
  readonly openIds: OpenIds;
}

/** The session of an MQTT client among the open identifiers. */
export const sessionOf = (client: string): string => `client ${hashOf(client)}`;

/** The persistence of aedes, as far as aedes uses it, and what is written before a message is acknowledged. */
export function createBrokerStore({ retained, sessions, openIds }: BrokerStoreDeps) {
  /** What `prepare` has queued, by the payload: aedes makes copies of its packets, and none of these. */
  const prepared = new WeakMap<Buffer, ReadonlyMap<string, Waiting>>();
  /** Messages of QoS 2 that the running broker has passed on; of those before it, it knows what is open. */
  const passedOn = new Map<string, Set<number>>();
  const wills = new Map<string, AedesPacket>();
  let brokerId = "";
  let adopted = 0;

  /** Messages of an earlier broker get counters that no other has: below 0. */
  const adopt = (waiting: Waiting): number => {
    adopted -= 1;
    waiting.counter = adopted;
    return adopted;
  };

  const find = (client: string, packet: AedesPacket): Waiting | undefined => {
    const queue = sessions.queue(client);
    const known = queue.find(({ counter }) => counter !== undefined && counter === packet.brokerCounter);
    if (known !== undefined && packet.brokerId === brokerId) return known;
    return queue.find(({ packet: one }) => one.messageId !== undefined && one.messageId === packet.messageId);
  };

  const passed = (client: string): Set<number> => {
    const found = passedOn.get(client) ?? new Set<number>();
    passedOn.set(client, found);
    return found;
  };

  return {
    /** Keeps what a message leaves behind, before it is acknowledged; aedes itself would do so after that. */
    async prepare(packet: BrokerPacket): Promise<void> {
      const kept = packet.retain ? retained.keep(packet) : undefined;
      const { waiting, stored } =
        packet.qos > 0 ? sessions.enqueue(packet) : { waiting: new Map<string, Waiting>(), stored: undefined };
      prepared.set(packet.payload, waiting);
      await Promise.all([kept, stored]);
    },

    /** A message of QoS 2 that was taken by an earlier broker, and is not to be passed on again. */
    passOver: (client: string, messageId: number): void => void passed(client).add(messageId),

    /** A new message, whatever its sender used the identifier for before. */
    passOn: (client: string, messageId: number): void => void passed(client).delete(messageId),

    setup: async (broker: { readonly id: string }): Promise<void> => {
      brokerId = broker.id;
    },
    storeRetained: async (): Promise<void> => {},
    createRetainedStreamCombi: (filters: readonly string[]): Readable => Readable.from(retained.matching(filters)),

    addSubscriptions: async ({ id }: AedesClient, subscriptions: readonly SessionSubscription[]): Promise<void> => {
      if (!sessions.has(id) && !sessions.hasRoom()) throw new Error("too many sessions");
      await sessions.subscribe(id, subscriptions);
    },
    removeSubscriptions: async ({ id }: AedesClient, topics: readonly string[]): Promise<void> => {
      await sessions.unsubscribe(id, topics);
    },
    subscriptionsByClient: async ({ id }: AedesClient) => sessions.filters(id),
    cleanSubscriptions: async ({ id }: AedesClient): Promise<void> => await sessions.end(id),
    subscriptionsByTopic: async (topic: string) =>
      sessions.matching(topic).map(({ client, ...subscription }) => ({ clientId: client, ...subscription })),

    outgoingEnqueueCombi: async (
      subscriptions: readonly { readonly clientId: string }[],
      packet: AedesPacket,
    ): Promise<void> => {
      const waiting = prepared.get(packet.payload);
      for (const { clientId } of subscriptions) {
        const one = waiting?.get(clientId);
        if (one !== undefined) one.counter = packet.brokerCounter;
      }
    },
    outgoingUpdate: async ({ id }: AedesClient, packet: AedesPacket): Promise<void> => {
      const waiting = find(id, packet);
      // Dropped because the queue was full: it is sent to who is connected all the same.
      if (waiting === undefined) return;
      const { messageId, cmd } = packet;
      const changed = { ...waiting.packet, cmd, messageId };
      // With QoS 1 the subscriber does not tell one identifier from another.
      if (waiting.packet.qos === 2) await sessions.rewrite(waiting, changed);
      else waiting.packet = changed;
    },
    outgoingClearMessageId: async ({ id }: AedesClient, packet: AedesPacket): Promise<BrokerPacket | undefined> => {
      const waiting = find(id, packet);
      if (waiting === undefined) return undefined;
      await sessions.remove(id, waiting);
      return waiting.packet;
    },
    outgoingStream: ({ id }: AedesClient): Readable =>
      Readable.from(
        sessions.queue(id).map((waiting) => {
          const { packet, counter } = waiting;
          const { messageId } = packet;
          // [MQTT-3.3.1-1]
          return { ...packet, dup: messageId !== undefined, brokerId, brokerCounter: counter ?? adopt(waiting) };
        }),
      ),

    incomingGetPacket: async ({ id }: AedesClient, packet: AedesPacket): Promise<AedesPacket> => {
      if (!passed(id).has(packet.messageId ?? 0)) throw new Error("no such packet");
      return packet;
    },
    incomingStorePacket: async ({ id }: AedesClient, { messageId = 0 }: AedesPacket): Promise<void> => {
      passed(id).add(messageId);
    },
    incomingDelPacket: async ({ id }: AedesClient, { messageId = 0 }: AedesPacket): Promise<void> => {
      await openIds.release(sessionOf(id), messageId);
      passed(id).delete(messageId);
    },
    cleanIncoming: async ({ id }: AedesClient): Promise<void> => {
      passedOn.delete(id);
      await openIds.clear(sessionOf(id));
    },

    putWill: async ({ id }: AedesClient, will: AedesPacket): Promise<void> => void wills.set(id, will),
    delWill: async ({ id }: AedesClient): Promise<AedesPacket | undefined> => {
      const will = wills.get(id);
      wills.delete(id);
      return will;
    },
    streamWill: (): Readable => Readable.from([]),
  };
}
