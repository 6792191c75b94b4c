import { WitError, isPetioleError, type Binding, type KeyValueStore, type LinkContext } from "#provider";
import type { LinkConfig } from "./config.ts";
import { createCursors } from "./cursors.ts";

export const STORE = "wasi:keyvalue/store";
export const ATOMICS = "wasi:keyvalue/atomics";

const PAGE = 100;
const OPEN_CURSORS = 64;

const other = (text: string): WitError => new WitError({ tag: "other", val: text });

/** Serves `wasi:keyvalue` of 0.2.0-draft from a store. A bucket's representation is its identifier. */
export function bindKeyValue(link: LinkContext<LinkConfig>, store: KeyValueStore): Binding {
  const { buckets, max_key, max_value } = link.config;
  const namespace = link.config.namespace ?? link.component;
  const cursors = createCursors(OPEN_CURSORS);

  /** The bucket's name in the store. Checked at every use: the link may have changed since the bucket was opened. */
  const named = (identifier: string): string => {
    if (identifier === "") throw new WitError({ tag: "no-such-store" });
    if (buckets !== undefined && !buckets.includes(identifier)) throw new WitError({ tag: "access-denied" });
    return `${namespace}/${identifier}`;
  };
  const checkKey = (key: string): void => {
    if (key === "") throw other("a key is not empty");
    if (Buffer.byteLength(key) > max_key) throw other(`a key has at most ${max_key} bytes`);
  };

  const bucket = {
    "[method]bucket.get": async (identifier: string, key: string) => {
      checkKey(key);
      return await guarded(store.get(named(identifier), key));
    },
    "[method]bucket.set": async (identifier: string, key: string, value: Uint8Array) => {
      checkKey(key);
      if (value.byteLength > max_value) throw other(`a value has at most ${max_value} bytes`);
      await guarded(store.set(named(identifier), key, value));
    },
    "[method]bucket.delete": async (identifier: string, key: string) => {
      checkKey(key);
      await guarded(store.delete(named(identifier), key));
    },
    "[method]bucket.exists": async (identifier: string, key: string) => {
      checkKey(key);
      return await guarded(store.has(named(identifier), key));
    },
    "[method]bucket.list-keys": async (identifier: string, cursor: bigint | undefined) => {
      const name = named(identifier);
      const after = cursor === undefined ? undefined : cursors.resolve(name, cursor);
      if (cursor !== undefined && after === undefined)
        throw other("the cursor is not known; list again from the start");
      // One more than a page tells whether there is a next one.
      const found = await guarded(store.keys(name, after, PAGE + 1));
      const keys = found.slice(0, PAGE);
      const last = keys.at(-1);
      const more = found.length > PAGE && last !== undefined;
      return { keys, cursor: more ? cursors.issue(name, last) : undefined };
    },
  };

  return {
    functions: {
      [STORE]: {
        open: (identifier: string) => {
          named(identifier);
          return identifier;
        },
        ...bucket,
      },
      [ATOMICS]: {
        increment: async (identifier: string, key: string, delta: bigint) => {
          checkKey(key);
          const value = await guarded(store.increment(named(identifier), key, delta));
          if (value < 0n) throw other("the counter is below 0");
          return value;
        },
      },
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** What a store can fail with for the component's own reasons, or for want of a working disk, is its `err`. */
async function guarded<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RangeError) throw other(error.message);
    if (isPetioleError(error, "ERR_STORE_FAILED")) throw other("the store could not carry out the operation");
    throw error;
  }
}
