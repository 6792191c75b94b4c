import { PetioleError, addToCounter, encodeCounter, type Bytes, type KeyValueStore } from "#provider";

/** Buckets in memory. What would take more than `capacity` for keys and values together fails with a RangeError. */
export function createMemoryStore(capacity: Bytes): KeyValueStore {
  const buckets = new Map<string, Map<string, Uint8Array>>();
  let used = 0;

  const cost = (key: string, value: Uint8Array | undefined): number =>
    value === undefined ? 0 : Buffer.byteLength(key) + value.byteLength;

  const write = (bucket: string, key: string, value: Uint8Array | undefined): void => {
    if (key === "") throw new PetioleError("ERR_INVARIANT", `Cannot set a key in "${bucket}": it is empty`);
    const entries = buckets.get(bucket) ?? new Map<string, Uint8Array>();
    const after = used - cost(key, entries.get(key)) + cost(key, value);
    if (after > capacity) throw new RangeError(`the memory of this store is used up (${capacity} bytes)`);
    used = after;
    if (value === undefined) entries.delete(key);
    else entries.set(key, new Uint8Array(value));
    if (entries.size === 0) buckets.delete(bucket);
    else buckets.set(bucket, entries);
  };

  return {
    get: async (bucket, key) => buckets.get(bucket)?.get(key)?.slice(),
    set: async (bucket, key, value) => write(bucket, key, value),
    delete: async (bucket, key) => write(bucket, key, undefined),
    has: async (bucket, key) => buckets.get(bucket)?.has(key) ?? false,
    async keys(bucket, after, limit) {
      const sorted = [...(buckets.get(bucket)?.keys() ?? [])].sort((a, b) =>
        Buffer.compare(Buffer.from(a), Buffer.from(b)),
      );
      const rest =
        after === undefined ? sorted : sorted.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0);
      return rest.slice(0, limit);
    },
    async swap(bucket, key, expected, value) {
      const found = buckets.get(bucket)?.get(key);
      const same =
        found === undefined || expected === undefined ? found === expected : Buffer.compare(found, expected) === 0;
      if (same) write(bucket, key, value);
      return same;
    },
    async increment(bucket, key, delta, bounds) {
      const sum = addToCounter(buckets.get(bucket)?.get(key), delta, bounds);
      write(bucket, key, encodeCounter(sum));
      return sum;
    },
  };
}
