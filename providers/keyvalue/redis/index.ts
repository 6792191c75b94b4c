import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { ATOMICS, BATCH, STORE, bindKeyValue } from "../binding.ts";
import { linkSchema, redisSchema, type LinkConfig, type RedisConfig } from "../config.ts";
import { createRedisBackend } from "./backend.ts";
import { keepRedis, type KeptRedis } from "./keep.ts";

/** `wasi:keyvalue` on a Redis server, or one that speaks its protocol. Without a connection calls fail at once. */
export function createKeyValueRedisProvider({ id, clock, log }: ProviderDeps): Provider<RedisConfig, LinkConfig> {
  let running: { readonly redis: KeptRedis; readonly prefix: string } | undefined;
  return {
    id,
    serves: [STORE, ATOMICS, BATCH],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, redisSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      const redis = keepRedis(config, clock, log);
      running = { redis, prefix: config.prefix };
      // A server that is there serves the first call. One that is not does not keep the device from starting.
      await until(redis.tried, signal);
    },
    async bind(link) {
      if (running === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      const { redis, prefix } = running;
      const backend = createRedisBackend({
        command: async (args) => await redis.current().command(args),
        prefix,
        clock,
      });
      return bindKeyValue(link, backend);
    },
    async [Symbol.asyncDispose]() {
      const { redis } = running ?? {};
      running = undefined;
      await redis?.[Symbol.asyncDispose]();
    },
  };
}

async function until(done: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([done, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
