import { randomUUID } from "node:crypto";
import {
  WitError,
  createInFlight,
  type Binding,
  type CapabilityFunctions,
  type InFlight,
  type LinkContext,
} from "#provider";
import { createAccess, type Access } from "./access.ts";
import type { Backend, KeyValue, Seen } from "./backend.ts";
import type { LinkConfig } from "./config.ts";
import { createCursors } from "./cursors.ts";
import { VERSIONS, editionOf, type Edition } from "./edition.ts";
import { guarded, other, storeErrorOf } from "./wit-errors.ts";

export const STORE = "wasi:keyvalue/store";
export const ATOMICS = "wasi:keyvalue/atomics";
export const BATCH = "wasi:keyvalue/batch";

const OPEN_CURSORS = 64;
/** Keys of a batch that are read at the same time: what they have is held until all are there. */
const READ_AT_ONCE = 16;

/** The representation of a `cas`: what it is of, and what was there when it was made. */
interface Cas {
  /** The binding that it was made by. What another one has under that key is another thing, however alike. */
  readonly by: string;
  readonly bucket: string;
  readonly key: string;
  readonly seen: Seen;
}

/**
 * Serves `wasi:keyvalue` of 0.2.0-draft and 0.2.0-draft2 from a backend. A bucket's representation is its identifier.
 * Disposing the binding waits for calls in flight.
 */
export function bindKeyValue(link: LinkContext<LinkConfig>, backend: Backend): Binding {
  const access = createAccess(link);
  const calls = createInFlight();
  const edition = (): Edition => {
    const found = editionOf(link.shapes());
    if (found !== undefined) return found;
    throw other(`wasi:keyvalue is served in the versions ${VERSIONS.join(" and ")}, not in the component's`);
  };
  const run = async <T>(work: () => Promise<T>): Promise<T> => await calls.track(guarded(work()));
  const parts: Parts = { backend, access, calls, edition, run, by: randomUUID() };
  return {
    functions: { [STORE]: store(parts), [ATOMICS]: atomics(parts), [BATCH]: batch(parts, link.config) },
    [Symbol.asyncDispose]: async () => await calls.settled(),
  };
}

interface Parts {
  readonly by: string;
  readonly backend: Backend;
  readonly access: Access;
  readonly calls: InFlight;
  readonly edition: () => Edition;
  /** What fails in the component's way becomes its `err`. */
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
}

type Functions = CapabilityFunctions[string];

function store({ backend, access, edition, run }: Parts): Functions {
  const cursors = createCursors(OPEN_CURSORS);
  return {
    open: (identifier: string) => {
      edition();
      access.named(identifier);
      return identifier;
    },
    "[method]bucket.get": async (identifier: string, key: string) =>
      await run(async () => await backend.get(...access.place(identifier, key))),
    "[method]bucket.set": async (identifier: string, key: string, value: Uint8Array) =>
      await run(async () => {
        access.checkValue(value);
        await backend.set(...access.place(identifier, key), value);
      }),
    "[method]bucket.delete": async (identifier: string, key: string) =>
      await run(async () => await backend.delete(...access.place(identifier, key))),
    "[method]bucket.exists": async (identifier: string, key: string) =>
      await run(async () => await backend.has(...access.place(identifier, key))),
    "[method]bucket.list-keys": async (identifier: string, cursor: bigint | string | undefined) =>
      await run(async () => {
        const name = access.named(identifier);
        const place = cursor === undefined ? undefined : cursors.resolve(identifier, parseCursor(cursor));
        if (cursor !== undefined && place === undefined) {
          throw other("the cursor is not known; list again from the start");
        }
        const { keys, next } = await backend.list(name, place);
        const issued = next === undefined ? undefined : cursors.issue(identifier, next);
        return { keys, cursor: edition().cursor === "text" ? issued?.toString() : issued };
      }),
  };
}

/** A number that was never given out for what is none. */
const parseCursor = (cursor: bigint | string): bigint =>
  typeof cursor === "bigint" ? cursor : /^\d{1,18}$/.test(cursor) ? BigInt(cursor) : -1n;

function atomics({ backend, access, calls, edition, run, by }: Parts): Functions {
  const see = async (identifier: string, key: string): Promise<Cas> => {
    const seen = await backend.look(...access.place(identifier, key));
    return { by, bucket: identifier, key, seen };
  };
  const swap = async (cas: Cas, value: Uint8Array): Promise<void> => {
    access.checkValue(value);
    const place = access.place(cas.bucket, cas.key);
    if (cas.by === by && (await backend.swap(...place, cas.seen, value))) return;
    // The next try is from what is there now.
    throw new CasFailed(await see(cas.bucket, cas.key));
  };
  return {
    increment: async (identifier: string, key: string, delta: bigint) =>
      await run(async () => await backend.increment(...access.place(identifier, key), delta, edition().counter)),
    "[static]cas.new": async (identifier: string, key: string) => await run(async () => await see(identifier, key)),
    "[method]cas.current": ({ seen }: Cas) => seen.value,
    swap: async (cas: Cas, value: Uint8Array) => {
      try {
        await calls.track(swap(cas, value));
      } catch (error) {
        if (error instanceof CasFailed) throw new WitError({ tag: "cas-failed", val: error.cas });
        const known = storeErrorOf(error);
        throw known === undefined ? error : new WitError({ tag: "store-error", val: known });
      }
    },
  };
}

class CasFailed extends Error {
  override readonly name = "CasFailed";
  readonly cas: Cas;

  constructor(cas: Cas) {
    super("the value is another one");
    this.cas = cas;
  }
}

function batch({ backend, access, run }: Parts, { max_batch, max_batch_size }: LinkConfig): Functions {
  const checkCount = (count: number): void => {
    if (count > max_batch) throw other(`a batch has at most ${max_batch} keys`);
  };
  const checkSize = (size: number): void => {
    if (size > max_batch_size) throw other(`the values of a batch have at most ${max_batch_size} bytes together`);
  };
  return {
    "get-many": async (identifier: string, keys: readonly string[]) =>
      await run(async () => {
        checkCount(keys.length);
        const name = access.named(identifier);
        for (const key of keys) access.checkKey(key);
        const found: ([string, Uint8Array] | undefined)[] = [];
        let size = 0;
        for (let from = 0; from < keys.length; from += READ_AT_ONCE) {
          const some = keys.slice(from, from + READ_AT_ONCE);
          const values = await Promise.all(some.map(async (key) => await backend.get(name, key)));
          for (const [index, key] of some.entries()) {
            const value = values[index];
            size += value?.byteLength ?? 0;
            found.push(value === undefined ? undefined : [key, value]);
          }
          checkSize(size);
        }
        return found;
      }),
    "set-many": async (identifier: string, pairs: readonly (readonly [string, Uint8Array])[]) =>
      await run(async () => {
        checkCount(pairs.length);
        const name = access.named(identifier);
        let size = 0;
        for (const [key, value] of pairs) {
          access.checkKey(key);
          access.checkValue(value);
          size += value.byteLength;
        }
        checkSize(size);
        // Of a key that is there twice, the last value counts.
        const last = new Map(pairs);
        const entries = [...last].map(([key, value]): KeyValue => ({ key, value }));
        if (entries.length > 0) await backend.setMany(name, entries);
      }),
    "delete-many": async (identifier: string, keys: readonly string[]) =>
      await run(async () => {
        checkCount(keys.length);
        const name = access.named(identifier);
        for (const key of keys) access.checkKey(key);
        if (keys.length > 0) await backend.deleteMany(name, [...new Set(keys)]);
      }),
  };
}
