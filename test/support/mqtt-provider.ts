import { createMqttProvider, type MqttProvider } from "../../providers/mqtt/index.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { ProviderDeps } from "../../src/provider/contract.ts";
import type { KeyValueStore } from "../../src/provider/services.ts";
import { inboxServices } from "./inbox.ts";
import { startProvider, type Rig, type RigOptions } from "./provider-rig.ts";

export interface MqttRigOptions extends RigOptions {
  /** What a restarted provider finds again. */
  readonly keyValue?: KeyValueStore;
}

export interface MqttRig extends Rig {
  readonly provider: MqttProvider;
  /** Of the provider's own broker. */
  readonly url: string;
}

/** An MQTT provider with an inbox, in memory unless `keyValue` is given. */
export async function startMqttProvider(config: unknown, options: MqttRigOptions = {}): Promise<MqttRig> {
  const { keyValue, log = silentLogger, services, ...rest } = options;
  let made: MqttProvider | undefined;
  const factory = (deps: ProviderDeps): MqttProvider => (made = createMqttProvider(deps));
  const rig = await startProvider(factory, config, {
    ...rest,
    log,
    services: { ...inboxServices(keyValue, log), ...services },
  });
  if (made === undefined) throw new Error("No provider was made");
  return { ...rig, provider: made, url: `mqtt://127.0.0.1:${made.brokerPort}` };
}
