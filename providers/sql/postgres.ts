import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { PREPARED, QUERY, bindSql } from "./binding.ts";
import { linkSchema, postgresSchema, type LinkConfig, type PostgresConfig } from "./config.ts";
import type { SqlEngine } from "./engine.ts";
import { createPostgresEngine } from "./postgres/engine.ts";
import { createPool } from "./postgres/pool.ts";

/** `wasmcloud:postgres` on a PostgreSQL server, which need not be there yet when the provider starts. */
export function createSqlPostgresProvider({
  id,
  clock,
  log,
  metrics,
}: ProviderDeps): Provider<PostgresConfig, LinkConfig> {
  const stack = new AsyncDisposableStack();
  let engine: SqlEngine | undefined;
  return {
    id,
    serves: [QUERY, PREPARED],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, postgresSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      const pool = stack.use(createPool({ config, clock, log, metrics }));
      engine = createPostgresEngine({ pool, config, clock });
      // Not waited for: the device may be offline.
      void pool.warm();
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
