import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { PREPARED, QUERY, bindSql } from "./binding.ts";
import { linkSchema, sqliteSchema, type LinkConfig, type SqliteConfig } from "./config.ts";
import type { SqlEngine } from "./engine.ts";
import { openSqliteEngine } from "./sqlite/engine.ts";

/** `wasmcloud:postgres` on a database file of the device, as far as SQLite's SQL goes. */
export function createSqlSqliteProvider({ id, clock, log, metrics }: ProviderDeps): Provider<SqliteConfig, LinkConfig> {
  const stack = new AsyncDisposableStack();
  let engine: SqlEngine | undefined;
  return {
    id,
    serves: [QUERY, PREPARED],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, sqliteSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      engine = stack.use(await openSqliteEngine({ config, clock, log, metrics }));
    },
    async bind(link) {
      if (engine === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindSql(link, engine);
    },
    async [Symbol.asyncDispose]() {
      engine = undefined;
      await stack.disposeAsync();
    },
  };
}
