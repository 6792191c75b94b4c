import type { Provider, ProviderDeps } from "#provider";
import { sqliteSchema, type LinkConfig, type SqliteConfig } from "./config.ts";
import { createSqlProvider } from "./provider.ts";
import { openSqliteEngine } from "./sqlite/engine.ts";

/** `wasmcloud:postgres` on a database file of the device, as far as SQLite's SQL goes. */
export function createSqlSqliteProvider({ id, clock, log, metrics }: ProviderDeps): Provider<SqliteConfig, LinkConfig> {
  return createSqlProvider(id, sqliteSchema, async (config, stack) =>
    stack.use(await openSqliteEngine({ config, clock, log, metrics })),
  );
}
