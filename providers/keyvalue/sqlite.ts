import { parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { createStoreBackend } from "./backend.ts";
import { ATOMICS, BATCH, STORE, bindKeyValue } from "./binding.ts";
import { linkSchema, sqliteSchema, type LinkConfig, type SqliteConfig } from "./config.ts";

/** `wasi:keyvalue` on the agent's own database: what is set is on disk when `set` returns. */
export function createKeyValueSqliteProvider({ id, services }: ProviderDeps): Provider<SqliteConfig, LinkConfig> {
  return {
    id,
    serves: [STORE, ATOMICS, BATCH],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, sqliteSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    // The database belongs to the host, which opened it.
    start: async (_config, signal) => signal.throwIfAborted(),
    bind: async (link) => bindKeyValue(link, createStoreBackend(services.keyValue)),
    [Symbol.asyncDispose]: async () => {},
  };
}
