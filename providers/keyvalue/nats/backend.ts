import { addToCounter, encodeCounter, type Clock } from "#provider";
import type { Backend, BucketName, Seen } from "../backend.ts";
import { persist } from "../persist.ts";
import { isWrongSequence, type JetStreamApi } from "./api.ts";
import type { NatsBucket } from "./bucket.ts";
import { encodeKey, prefixOf } from "./keys.ts";
import { listKeys } from "./listing.ts";

export interface NatsBackendDeps {
  readonly api: JetStreamApi;
  readonly bucket: NatsBucket;
  readonly clock: Clock;
}

/** Writes of a batch that are on their way at the same time. */
const AT_ONCE = 16;

/** Buckets of components in one key-value bucket of NATS. A change is seen by its revision. */
export function createNatsBackend({ api, bucket, clock }: NatsBackendDeps): Backend {
  const named = (name: BucketName, key: string): string => prefixOf(name) + encodeKey(key, true);
  /** The last call of those that count the same key here. */
  const counting = new Map<string, Promise<unknown>>();

  const put = async (name: BucketName, key: string, value: Uint8Array): Promise<void> =>
    await bucket.put(named(name, key), value);

  const look = async (name: BucketName, key: string): Promise<Seen> => await bucket.last(named(name, key));

  async function swap(name: BucketName, key: string, { revision }: Seen, value: Uint8Array): Promise<boolean> {
    // It was seen by another provider, before the link went to this one.
    if (revision === undefined) return false;
    try {
      await bucket.put(named(name, key), value, revision);
      return true;
    } catch (error) {
      if (isWrongSequence(error)) return false;
      throw error;
    }
  }

  async function remove(name: BucketName, key: string): Promise<void> {
    // What is not there gets no marker: markers stay.
    if ((await look(name, key)).value !== undefined) await bucket.remove(named(name, key));
  }

  /** One after another among the calls of this device: they would only be in each other's way. */
  async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = counting.get(key);
    const mine = (before ?? Promise.resolve()).then(work, work);
    counting.set(key, mine);
    try {
      return await mine;
    } finally {
      if (counting.get(key) === mine) counting.delete(key);
    }
  }

  async function inParts<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    for (let from = 0; from < items.length; from += AT_ONCE) {
      // All of them have ended before a failure is told.
      const ended = await Promise.allSettled(items.slice(from, from + AT_ONCE).map(work));
      for (const one of ended) if (one.status === "rejected") throw one.reason;
    }
  }

  return {
    look,
    swap,
    set: put,
    delete: remove,
    get: async (name, key) => (await look(name, key)).value,
    has: async (name, key) => (await look(name, key)).value !== undefined,
    list: async (name, place) => await listKeys({ api, bucket }, prefixOf(name), Number(place ?? 0)),
    increment: async (name, key, delta, bounds) =>
      await inTurn(
        named(name, key),
        async () =>
          await persist(clock, async () => {
            const seen = await look(name, key);
            const sum = addToCounter(seen.value, delta, bounds);
            return (await swap(name, key, seen, encodeCounter(sum))) ? sum : undefined;
          }),
      ),
    setMany: async (name, entries) => await inParts(entries, async ({ key, value }) => await put(name, key, value)),
    deleteMany: async (name, keys) => await inParts(keys, async (key) => await remove(name, key)),
  };
}
