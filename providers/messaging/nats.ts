import { parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { CONSUMER, HANDLER, bindMessaging } from "./binding.ts";
import { natsLinkSchema, natsSchema, type NatsConfig, type NatsLinkConfig } from "./config.ts";

/**
 * `wasmcloud:messaging` over the host's NATS connection. Subjects that match a lane of the link are stored in the
 * outbox and reach the hub exactly once; the others go to core NATS at once and are refused while it is not there.
 */
export function createMessagingNatsProvider({ id, services }: ProviderDeps): Provider<NatsConfig, NatsLinkConfig> {
  return {
    id,
    serves: [CONSUMER],
    calls: [HANDLER],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, natsSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, natsLinkSchema, raw),
    // The connection belongs to the host, which keeps it alive.
    start: async (_config, signal) => signal.throwIfAborted(),
    bind: async (link) => await bindMessaging(link, link.config, services),
    [Symbol.asyncDispose]: async () => {},
  };
}
