import type { KeyValueStore } from "../../provider/services.ts";
import { checkKey } from "./admission.ts";
import { addToCounter, encodeCounter } from "./counter.ts";
import type { StateStore } from "./sqlite-key-value.ts";

/** Buckets in memory. */
export function createMemoryKeyValue(): KeyValueStore {
  const buckets = new Map<string, Map<string, Uint8Array>>();
  const find = (bucket: string, key: string): Uint8Array | undefined => buckets.get(bucket)?.get(key);
  const put = (bucket: string, key: string, value: Uint8Array): void => {
    checkKey(key);
    const entries = buckets.get(bucket) ?? new Map<string, Uint8Array>();
    buckets.set(bucket, entries.set(key, value));
  };
  return {
    get: async (bucket, key) => find(bucket, key)?.slice(),
    set: async (bucket, key, value) => put(bucket, key, new Uint8Array(value)),
    delete: async (bucket, key) => {
      buckets.get(bucket)?.delete(key);
    },
    has: async (bucket, key) => find(bucket, key) !== undefined,
    keys: async (bucket, after, limit) =>
      [...(buckets.get(bucket)?.keys() ?? [])]
        .filter((key) => after === undefined || compareBinary(key, after) > 0)
        .sort(compareBinary)
        .slice(0, limit),
    increment: async (bucket, key, delta) => {
      const sum = addToCounter(find(bucket, key), delta);
      put(bucket, key, encodeCounter(sum));
      return sum;
    },
  };
}

export function createMemoryState(): StateStore {
  const texts = new Map<string, string>();
  return {
    load: async (name) => texts.get(name),
    save: async (name, value) => {
      if (value === undefined) texts.delete(name);
      else texts.set(name, value);
    },
  };
}

/** UTF-8 order, as the database has it; JavaScript's own order is by UTF-16 units. */
function compareBinary(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
