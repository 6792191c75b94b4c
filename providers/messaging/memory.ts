import {
  PetioleError,
  parseProviderConfig,
  type MessageBus,
  type Outbox,
  type Provider,
  type ProviderDeps,
} from "#provider";
import { CONSUMER, HANDLER, bindMessaging } from "./binding.ts";
import { memoryLinkSchema, memorySchema, type MemoryConfig, type MemoryLinkConfig } from "./config.ts";
import { createMemoryBus } from "./memory-bus.ts";

/** `wasmcloud:messaging` between the components of this agent, with the subjects and wildcards of NATS. */
export function createMessagingMemoryProvider({
  id,
  clock,
  log,
  services,
}: ProviderDeps): Provider<MemoryConfig, MemoryLinkConfig> {
  let bus: MessageBus | undefined;
  const outbox: Outbox = services.outbox;
  return {
    id,
    serves: [CONSUMER],
    calls: [HANDLER],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, memorySchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, memoryLinkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      bus = createMemoryBus({ clock, log, queue: config.queue });
    },
    async bind(link) {
      if (bus === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return await bindMessaging(link, { ...link.config, lanes: [], deny: [] }, { bus, outbox });
    },
    async [Symbol.asyncDispose]() {
      bus = undefined;
    },
  };
}
