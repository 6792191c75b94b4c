import { PetioleError, parseProviderConfig, type KeyValueStore, type Provider, type ProviderDeps } from "#provider";
import { createStoreBackend } from "./backend.ts";
import { ATOMICS, BATCH, STORE, bindKeyValue } from "./binding.ts";
import { linkSchema, memorySchema, type LinkConfig, type MemoryConfig } from "./config.ts";
import { createMemoryStore } from "./memory-store.ts";

/** `wasi:keyvalue` in memory: fast, bounded, and empty again after a restart. */
export function createKeyValueMemoryProvider({ id }: ProviderDeps): Provider<MemoryConfig, LinkConfig> {
  let store: KeyValueStore | undefined;
  return {
    id,
    serves: [STORE, ATOMICS, BATCH],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, memorySchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      store = createMemoryStore(config.capacity);
    },
    async bind(link) {
      if (store === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindKeyValue(link, createStoreBackend(store));
    },
    async [Symbol.asyncDispose]() {
      store = undefined;
    },
  };
}
