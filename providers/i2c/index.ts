import { PetioleError, openDeviceIo, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { DEVICES, I2C, bindI2c } from "./binding.ts";
import type { Bus } from "./bus.ts";
import { i2cSchema, linkSchema, type I2cConfig, type LinkConfig } from "./config.ts";
import { createKernelBus } from "./kernel.ts";
import { createSimulatedBus } from "./simulated.ts";

const createBus = ({ bus }: I2cConfig): Bus =>
  bus.backend === "simulated" ? createSimulatedBus(bus.devices) : createKernelBus(openDeviceIo(), bus);

/** `wasi:i2c`, and `petiole:i2c/devices` through which its handles are obtained. `create` replaces the way to the bus. */
export function createI2cProvider(
  { id }: ProviderDeps,
  create: (config: I2cConfig) => Bus = createBus,
): Provider<I2cConfig, LinkConfig> {
  let bus: Bus | undefined;
  return {
    id,
    serves: [DEVICES, I2C],
    calls: [],
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, i2cSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      bus = create(config);
      bus.open();
    },
    async bind(link) {
      if (bus === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindI2c(link, bus);
    },
    async [Symbol.asyncDispose]() {
      await bus?.[Symbol.asyncDispose]();
      bus = undefined;
    },
  };
}
