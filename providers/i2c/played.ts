import type { ProviderFactory } from "#provider";
import { createI2cProvider } from "./index.ts";
import { createSimulatedBus, type SimulatedBus } from "./simulated.ts";
import type { SimulatedDevice } from "./config.ts";

/** A provider with a bus in memory, whatever bus its configuration names. `onBus` gets each that is made: it plays it. */
export const createPlayedI2cProvider =
  (devices: ReadonlyMap<number, SimulatedDevice>, onBus: (bus: SimulatedBus) => void): ProviderFactory =>
  (deps) =>
    createI2cProvider(deps, ({ bus }) => {
      const made = createSimulatedBus(bus.backend === "simulated" ? bus.devices : devices);
      onBus(made);
      return made;
    });
