import type { KeyValueStore, Logger } from "#provider";
import type { BrokerConfig } from "./broker-config.ts";
import { decodePacket, encodePacket, hashOf, readBucket, type BrokerPacket } from "./broker-packet.ts";
import { matchesTopic } from "./topic.ts";

export interface RetainedDeps {
  readonly keyValue: KeyValueStore;
  readonly bucket: string;
  readonly config: BrokerConfig;
  readonly log: Logger;
}

/** The last message of each topic that was published to be kept. */
export interface Retained {
  /** Takes the message's retain flag away when there is no room for another topic, and says so in the log. */
  admit(packet: { readonly topic: string; readonly payload: string | Buffer; retain: boolean }): void;
  /** In memory at once; resolves once it is on disk. @throws PetioleError ERR_STORE_FAILED */
  keep(packet: BrokerPacket): Promise<void>;
  matching(filters: readonly string[]): readonly BrokerPacket[];
}

const PREFIX = "r.";

/** @throws PetioleError ERR_STORE_FAILED */
export async function loadRetained({ keyValue, bucket, config, log }: RetainedDeps): Promise<Retained> {
  const packets = new Map<string, BrokerPacket>();
  let size = 0;
  for (const [, value] of await readBucket(keyValue, bucket, PREFIX)) {
    const packet = decodePacket(value);
    if (packet === undefined) continue;
    packets.set(packet.topic, packet);
    size += packet.payload.length;
  }

  return {
    admit(packet) {
      if (!packet.retain || packet.payload.length === 0) return;
      const before = packets.get(packet.topic);
      const grown = size - (before?.payload.length ?? 0) + packet.payload.length;
      if ((before !== undefined || packets.size < config.max_retained) && grown <= config.max_retained_size) return;
      log.warn("Too many retained messages, one is passed on without being kept", { topic: packet.topic });
      packet.retain = false;
    },
    async keep(packet) {
      const key = `${PREFIX}${hashOf(packet.topic)}`;
      size -= packets.get(packet.topic)?.payload.length ?? 0;
      packets.delete(packet.topic);
      if (packet.payload.length === 0) return await keyValue.delete(bucket, key);
      packets.set(packet.topic, packet);
      size += packet.payload.length;
      await keyValue.set(bucket, key, encodePacket(packet));
    },
    matching: (filters) =>
      filters.flatMap((filter) => [...packets.values()].filter(({ topic }) => matchesTopic(filter, topic))),
  };
}
