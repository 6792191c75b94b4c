import type { ProviderFactory } from "#provider";
import { createSerialProvider } from "./index.ts";
import type { OpenSerialDevice } from "./line/device.ts";
import { createSimulatedCable, type SimulatedCable } from "./line/simulated.ts";
import { createModbusProvider } from "./modbus/index.ts";

/** Cables in memory in the place of device files, by their paths. */
export interface PlayedCables {
  readonly serial: ProviderFactory;
  readonly modbus: ProviderFactory;
  cable(path: string): SimulatedCable;
}

export function createPlayedCables(): PlayedCables {
  const cables = new Map<string, SimulatedCable>();
  const cable = (path: string): SimulatedCable => {
    const found = cables.get(path) ?? createSimulatedCable();
    cables.set(path, found);
    return found;
  };
  const open: OpenSerialDevice = async (config, onData) => await cable(config.path).open(config, onData);
  return {
    serial: (deps) => createSerialProvider(deps, open),
    modbus: (deps) => createModbusProvider(deps, open),
    cable,
  };
}
