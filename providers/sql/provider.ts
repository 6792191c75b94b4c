import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import type { z } from "zod";
import { PREPARED, QUERY, bindSql } from "./binding.ts";
import { linkSchema, type LinkConfig } from "./config.ts";
import type { SqlEngine } from "./engine.ts";

/** `wasmcloud:postgres` on a database. What `open` puts on the stack lives as long as the provider. */
export function createSqlProvider<Config>(
  id: ProviderDeps["id"],
  schema: z.ZodType<Config>,
  open: (config: Config, stack: AsyncDisposableStack) => Promise<SqlEngine>,
): Provider<Config, LinkConfig> {
  const stack = new AsyncDisposableStack();
  let engine: SqlEngine | undefined;
  return {
    id,
    serves: [QUERY, PREPARED],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, schema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      engine = await open(config, stack);
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
