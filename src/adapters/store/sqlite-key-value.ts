import type { KeyValueStore } from "../../provider/services.ts";
import { checkKey } from "./admission.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { WorkerClient } from "./worker-client.ts";

/** Small texts that the agent itself must not forget, by name. */
export interface StateStore {
  load(name: string): Promise<string | undefined>;
  /** Resolves once it is on disk; undefined forgets the name. @throws PetioleError ERR_STORE_FAILED */
  save(name: string, value: string | undefined): Promise<void>;
}

interface KeyValueDeps {
  readonly client: WorkerClient;
  readonly queue: CommitQueue;
}

/** Buckets in the store. Writes share commits with whatever else is to be written. */
export function createSqliteKeyValue({ client, queue }: KeyValueDeps): KeyValueStore {
  return {
    get: async (bucket, key) => {
      await queue.afterWrites({ bucket });
      return client.call<"get">({ kind: "get", bucket, key });
    },
    has: async (bucket, key) => {
      await queue.afterWrites({ bucket });
      return client.call<"has">({ kind: "has", bucket, key });
    },
    keys: async (bucket, after, limit) => {
      await queue.afterWrites({ bucket });
      return client.call<"keys">({ kind: "keys", bucket, after, limit });
    },
    set: async (bucket, key, value) => {
      checkKey(key);
      await queue.write({ kind: "set", bucket, key, value: new Uint8Array(value) });
    },
    delete: async (bucket, key) => {
      await queue.write({ kind: "delete", bucket, key });
    },
    swap: async (bucket, key, expected, value) => {
      checkKey(key);
      const copies = { expected: expected && new Uint8Array(expected), value: new Uint8Array(value) };
      return (await queue.write({ kind: "swap", bucket, key, ...copies })).ok;
    },
    increment: async (bucket, key, delta, bounds) => {
      checkKey(key);
      const result = await queue.write({ kind: "increment", bucket, key, delta, bounds });
      if (!result.ok) throw new RangeError(result.message);
      return result.value ?? 0n;
    },
  };
}

export function createSqliteState({ client, queue }: KeyValueDeps): StateStore {
  return {
    load: async (name) => {
      await queue.afterWrites({ name });
      return client.call<"get-state">({ kind: "get-state", name });
    },
    save: async (name, value) => {
      await queue.write({ kind: "put-state", name, value });
    },
  };
}
