import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { CONSUMER, bindMqtt } from "./binding.ts";
import { linkSchema, mqttSchema, type LinkConfig, type MqttConfig } from "./config.ts";
import type { MqttConnection } from "./connection.ts";
import { HANDLER } from "./deliver.ts";
import { openEmbeddedBroker, type EmbeddedBroker } from "./embedded.ts";
import { openRemote } from "./remote.ts";

export interface MqttProvider extends Provider<MqttConfig, LinkConfig> {
  /** Where the broker of our own listens, once it does. */
  readonly brokerPort: number | undefined;
}

/** `wasmcloud:messaging` over MQTT: a broker elsewhere, one in this process, or both. */
export function createMqttProvider({ id, clock, log }: ProviderDeps): MqttProvider {
  const stack = new AsyncDisposableStack();
  let remote: MqttConnection | undefined;
  let broker: EmbeddedBroker | undefined;

  const choose = ({ via }: LinkConfig, component: string): MqttConnection => {
    if (via === undefined && remote !== undefined && broker !== undefined) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot link "${component}" to "${id}": it has a url and a broker, want "via: url" or "via: broker"`,
      );
    }
    const chosen = via === undefined ? (remote ?? broker) : { url: remote, broker }[via];
    if (chosen !== undefined) return chosen;
    if (remote === undefined && broker === undefined) {
      throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${component}": "${id}" is not running`);
    }
    throw new PetioleError("ERR_LINK_INVALID", `Cannot link "${component}" via "${via}": "${id}" has none`);
  };

  return {
    id,
    serves: [CONSUMER],
    calls: [HANDLER],
    get brokerPort() {
      return broker?.port;
    },
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, mqttSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      if (config.broker !== undefined) {
        broker = stack.use(
          await openEmbeddedBroker({ config: config.broker, grace: config.link_grace, clock, log, signal }),
        );
      }
      const { url } = config;
      // A broker elsewhere may come later; until then its functions fail with an error of the interface.
      if (url !== undefined) remote = stack.use(await openRemote({ id, config: { ...config, url }, clock, log }));
    },
    bind: async (link) => bindMqtt(link, choose(link.config, link.component), clock),
    async [Symbol.asyncDispose]() {
      remote = undefined;
      broker = undefined;
      await stack.disposeAsync();
    },
  };
}
