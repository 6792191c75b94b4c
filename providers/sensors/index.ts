import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { HANDLER, READER, bindSensors } from "./binding.ts";
import { linkSchema, sensorsSchema, type LinkConfig, type SensorsConfig } from "./config.ts";
import { createStation, type Station } from "./station.ts";

/** `petiole:sensors`: what drivers of the kernel measure, from hwmon, 1-wire and other files of sysfs. */
export function createSensorsProvider({ id, clock, metrics }: ProviderDeps): Provider<SensorsConfig, LinkConfig> {
  let station: Station | undefined;
  return {
    id,
    serves: [READER],
    calls: [HANDLER],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, sensorsSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    // A sensor that is missing may come: its readings say so until then.
    async start(config, signal) {
      signal.throwIfAborted();
      station = createStation({ config, clock });
    },
    async bind(link) {
      if (station === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindSensors(link, { station, clock, metrics });
    },
    async [Symbol.asyncDispose]() {
      station = undefined;
    },
  };
}
