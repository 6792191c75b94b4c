import type { Provider, ProviderDeps } from "#provider";
import { postgresSchema, type LinkConfig, type PostgresConfig } from "./config.ts";
import { createPostgresEngine } from "./postgres/engine.ts";
import { createPool } from "./postgres/pool.ts";
import { createSqlProvider } from "./provider.ts";

/** `wasmcloud:postgres` on a PostgreSQL server, which need not be there yet when the provider starts. */
export function createSqlPostgresProvider({
  id,
  clock,
  log,
  metrics,
}: ProviderDeps): Provider<PostgresConfig, LinkConfig> {
  return createSqlProvider(id, postgresSchema, async (config, stack) => {
    const pool = stack.use(createPool({ config, clock, log, metrics }));
    const engine = createPostgresEngine({ pool, config, clock });
    // Not waited for: the device may be offline.
    void pool.warm();
    return engine;
  });
}
