import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps, type ProviderInbox } from "#provider";
import { openBridge } from "./bridge.ts";
import { CONSUMER, bindMqtt } from "./binding.ts";
import { mqttSchema, type MqttConfig } from "./config.ts";
import type { MqttConnection } from "./connection.ts";
import { HANDLER } from "./deliver.ts";
import { openEmbeddedBroker, type EmbeddedBroker } from "./embedded.ts";
import { linkSchema, type LinkConfig } from "./link-config.ts";
import { MQTT_HANDLER, MQTT_PUBLISHER } from "./mqtt-interface.ts";
import { loadOpenIds } from "./open-ids.ts";
import { createPlaces, type Places } from "./places.ts";
import { openRemote } from "./remote.ts";

export interface MqttProvider extends Provider<MqttConfig, LinkConfig> {
  /** Where the broker of our own listens, once it does. */
  readonly brokerPort: number | undefined;
}

/** `wasmcloud:messaging` and `petiole:mqtt` over MQTT: a broker elsewhere, one in this process, or both. */
export function createMqttProvider({ id, clock, log, services, metrics }: ProviderDeps): MqttProvider {
  const stack = new AsyncDisposableStack();
  let remote: MqttConnection | undefined;
  let broker: EmbeddedBroker | undefined;
  let inbox: ProviderInbox | undefined;
  let places: Places | undefined;

  const connect = (via: LinkConfig["via"]): MqttConnection | undefined =>
    via === undefined ? (remote ?? broker) : { url: remote, broker }[via];

  const choose = ({ via }: LinkConfig, component: string): MqttConnection => {
    if (via === undefined && remote !== undefined && broker !== undefined) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot link "${component}" to "${id}": it has a url and a broker, want "via: url" or "via: broker"`,
      );
    }
    const chosen = connect(via);
    if (chosen !== undefined) return chosen;
    if (remote === undefined && broker === undefined) {
      throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${component}": "${id}" is not running`);
    }
    throw new PetioleError("ERR_LINK_INVALID", `Cannot link "${component}" via "${via}": "${id}" has none`);
  };

  return {
    id,
    serves: [CONSUMER, MQTT_PUBLISHER],
    calls: [HANDLER, MQTT_HANDLER],
    get brokerPort() {
      return broker?.port;
    },
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, mqttSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      const { max_messages, max_size, unclaimed } = config.inbox;
      inbox = stack.use(await services.openInbox(id, { maxMessages: max_messages, maxBytes: max_size, unclaimed }));
      places = createPlaces(inbox);
      const opened = inbox;
      metrics.observedGauge("mqtt_inbox_messages", "Messages that are acknowledged and not handled yet.", () => {
        return opened.stats().waiting;
      });
      metrics.observedGauge(
        "mqtt_inbox_given_up_messages",
        "Messages that were given up, of those that are kept.",
        () => {
          return opened.stats().dead.length;
        },
      );
      // With spaces: buckets of components have a "/" in their names, and no spaces.
      const openIds = await loadOpenIds(services.keyValue, `petiole mqtt ${id}`);
      if (config.broker !== undefined) {
        broker = stack.use(
          await openEmbeddedBroker({
            config: config.broker,
            provider: config,
            bucket: `petiole mqtt broker ${id}`,
            keyValue: services.keyValue,
            inbox,
            openIds,
            clock,
            log,
            signal,
          }),
        );
      }
      const { url } = config;
      // A broker elsewhere may come later; until then its functions fail with an error of the interface.
      if (url !== undefined)
        remote = stack.use(await openRemote({ id, config: { ...config, url }, inbox, openIds, clock, log }));
      const { bridge } = config;
      stack.use(
        await openBridge({
          provider: id,
          config: bridge,
          connect: (via) => {
            const connection = connect(via);
            if (connection !== undefined) return connection;
            throw new PetioleError("ERR_INVARIANT", `Cannot bridge via "${via ?? ""}": the configuration was checked`);
          },
          services,
          log,
        }),
      );
    },
    async bind(link) {
      const connection = choose(link.config, link.component);
      if (places === undefined) throw new PetioleError("ERR_PROVIDER_STOPPED", `Provider "${id}" is not running`);
      return bindMqtt(link, { connection, places, clock });
    },
    inboxStats: () => inbox?.stats(),
    async [Symbol.asyncDispose]() {
      remote = undefined;
      broker = undefined;
      await stack.disposeAsync();
    },
  };
}
