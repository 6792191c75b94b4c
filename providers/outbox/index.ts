import { parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { PUBLISHER, bindOutbox } from "./binding.ts";
import { linkSchema, outboxSchema, type LinkConfig, type OutboxConfig } from "./config.ts";

/** `petiole:outbox`: the way to the hub, with a receipt for each message. */
export function createOutboxProvider({ id, services }: ProviderDeps): Provider<OutboxConfig, LinkConfig> {
  return {
    id,
    serves: [PUBLISHER],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, outboxSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    // The outbox belongs to the host and is there before any provider.
    start: async (_config, signal) => signal.throwIfAborted(),
    bind: async (link) => bindOutbox(link, services.outbox),
    [Symbol.asyncDispose]: async () => {},
  };
}
