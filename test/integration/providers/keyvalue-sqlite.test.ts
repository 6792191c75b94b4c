// Pins `wasi:keyvalue` on the agent's own database.

import { afterAll, beforeAll } from "vitest";
import { createKeyValueSqliteProvider } from "../../../providers/keyvalue/sqlite.ts";
import type { KeyValueStore } from "../../../src/provider/services.ts";
import { wasiKeyValueSuite } from "../../conformance/keyvalue/suite.ts";
import { startProvider } from "../../support/provider-rig.ts";
import { createStoreFolder } from "../../support/store.ts";

const stack = new AsyncDisposableStack();
let store: KeyValueStore;
beforeAll(async () => {
  const folder = stack.use(await createStoreFolder());
  store = stack.use(await folder.open()).keyValue;
});
afterAll(async () => await stack.disposeAsync());

let made = 0;

/** One database for all tests: each has buckets of its own. */
function ownBuckets(): KeyValueStore {
  made += 1;
  const own = `${made}-`;
  return {
    get: async (bucket, key) => await store.get(own + bucket, key),
    set: async (bucket, key, value) => await store.set(own + bucket, key, value),
    delete: async (bucket, key) => await store.delete(own + bucket, key),
    has: async (bucket, key) => await store.has(own + bucket, key),
    keys: async (bucket, after, limit) => await store.keys(own + bucket, after, limit),
    swap: async (bucket, key, expected, value) => await store.swap(own + bucket, key, expected, value),
    increment: async (bucket, key, delta, bounds) => await store.increment(own + bucket, key, delta, bounds),
  };
}

wasiKeyValueSuite({
  name: "SQLite",
  ordered: true,
  create: async () => await startProvider(createKeyValueSqliteProvider, {}, { services: { keyValue: ownBuckets() } }),
});
