import { parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { CONSUMER, HANDLER, bindMessaging } from "./binding.ts";
import type { StreamDeps } from "./stream-subscription.ts";
import { natsLinkSchema, natsSchema, type NatsConfig, type NatsLinkConfig } from "./config.ts";

/**
 * `wasmcloud:messaging` over the host's NATS connections. Subjects that match a lane of the link are stored in the
 * outbox and reach the hub exactly once; the others go to core NATS at once and are refused while it is not there.
 * Handlers get what comes on core NATS, what the inbox has, and what streams of the hub hold.
 */
export function createMessagingNatsProvider({
  id,
  clock,
  metrics,
  services,
}: ProviderDeps): Provider<NatsConfig, NatsLinkConfig> {
  let side: NatsConfig["side"] = "local";
  return {
    id,
    serves: [CONSUMER],
    calls: [HANDLER],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, natsSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, natsLinkSchema, raw),
    // The connection belongs to the host, which keeps it alive.
    start: async (config, signal) => {
      signal.throwIfAborted();
      ({ side } = config);
    },
    bind: async (link) => {
      const bus = side === "hub" ? services.hubBus : services.bus;
      const { outbox, inbox, keyValue } = services;
      const streams = (): StreamDeps => ({ path: services.nats.hub, outbox, keyValue, clock, metrics });
      return await bindMessaging(link, link.config, { bus, outbox, inbox, streams });
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
