import type { CounterBounds, KeyValueStore } from "#provider";

/** A bucket of a namespace. Both are names of the configuration or the component's: any text that is not empty. */
export interface BucketName {
  /** Without slashes. */
  readonly namespace: string;
  readonly identifier: string;
}

export interface Page {
  readonly keys: readonly string[];
  /** Where the next page begins; undefined after the last one. Kept for the component, which sees a number for it. */
  readonly next: string | undefined;
}

/** What a key has, with what tells a later value from it. A plain value: it crosses to the component's worker and back. */
export interface Seen {
  readonly value: Uint8Array | undefined;
  /** For backends that count changes; the others compare values. */
  readonly revision?: number | undefined;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
}

/** Where buckets are kept. All of it may fail with BackendError. */
export interface Backend {
  get(bucket: BucketName, key: string): Promise<Uint8Array | undefined>;
  set(bucket: BucketName, key: string, value: Uint8Array): Promise<void>;
  /** Deleting what is not there is no error. */
  delete(bucket: BucketName, key: string): Promise<void>;
  has(bucket: BucketName, key: string): Promise<boolean>;
  /** Keys from `place` on, the first ones without it: every key that is there all the time, and about PAGE at once. */
  list(bucket: BucketName, place: string | undefined): Promise<Page>;
  /** @throws RangeError when what is stored is no counter or the sum leaves the bounds; nothing is changed */
  increment(bucket: BucketName, key: string, delta: bigint, bounds: CounterBounds): Promise<bigint>;
  look(bucket: BucketName, key: string): Promise<Seen>;
  /** Sets the value if what was seen is still there; false when it is not. */
  swap(bucket: BucketName, key: string, seen: Seen, value: Uint8Array): Promise<boolean>;
  setMany(bucket: BucketName, entries: readonly KeyValue[]): Promise<void>;
  deleteMany(bucket: BucketName, keys: readonly string[]): Promise<void>;
}

export const PAGE = 100;

/**
 * - `unavailable`: there is no way to the server
 * - `timeout`: it did not answer in time, and whether it made a change is not known
 * - `busy`: too many calls wait for it, or others change the same key all the time
 * - `full`: it has no room
 * - `refused`: what is stored or to be stored does not fit
 * - `denied`: these credentials may not do it
 * - `missing`: the place where buckets are kept is not there
 */
export type Reason = "unavailable" | "timeout" | "busy" | "full" | "refused" | "denied" | "missing";

/** Why a backend did not do something. */
export class BackendError extends Error {
  override readonly name = "BackendError";
  readonly reason: Reason;

  constructor(reason: Reason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Buckets of a store of the host's, or of one in memory. */
export function createStoreBackend(store: KeyValueStore): Backend {
  const named = ({ namespace, identifier }: BucketName): string => `${namespace}/${identifier}`;
  return {
    get: async (bucket, key) => await store.get(named(bucket), key),
    set: async (bucket, key, value) => await store.set(named(bucket), key, value),
    delete: async (bucket, key) => await store.delete(named(bucket), key),
    has: async (bucket, key) => await store.has(named(bucket), key),
    list: async (bucket, place) => {
      // One more than a page tells whether there is a next one.
      const found = await store.keys(named(bucket), place, PAGE + 1);
      const keys = found.slice(0, PAGE);
      return { keys, next: found.length > PAGE ? keys.at(-1) : undefined };
    },
    increment: async (bucket, key, delta, bounds) => await store.increment(named(bucket), key, delta, bounds),
    look: async (bucket, key) => ({ value: await store.get(named(bucket), key) }),
    swap: async (bucket, key, seen, value) => await store.swap(named(bucket), key, seen.value, value),
    // Writes of the same moment share a commit.
    setMany: async (bucket, entries) =>
      void (await Promise.all(entries.map(({ key, value }) => store.set(named(bucket), key, value)))),
    deleteMany: async (bucket, keys) => void (await Promise.all(keys.map((key) => store.delete(named(bucket), key)))),
  };
}
