import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import type { OpenSerialDevice } from "../line/device.ts";
import { openSerialPort } from "../line/serialport.ts";
import { CLIENT, READINGS_HANDLER, bindModbus, type RunningBus } from "./binding.ts";
import { createBus } from "./bus.ts";
import { linkSchema, modbusSchema, type LinkConfig, type ModbusConfig } from "./config.ts";
import { createPoll } from "./poll.ts";

/** `petiole:modbus`: devices on Modbus RTU lines. `open` replaces the way to the hardware. */
export function createModbusProvider(
  { id, clock, log, metrics }: ProviderDeps,
  open: OpenSerialDevice = openSerialPort,
): Provider<ModbusConfig, LinkConfig> {
  let running: ReadonlyMap<string, RunningBus> | undefined;
  const stack = new AsyncDisposableStack();
  return {
    id,
    serves: [CLIENT],
    calls: [READINGS_HANDLER],
    exclusive: true,
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, modbusSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      // A device that is not there yet is no reason not to start: its bus waits for it.
      const buses = Object.entries(config.buses).map(([label, settings]) => {
        const bus = createBus({ label, config: settings, open, clock, log, metrics });
        const polls = Object.entries(settings.polls).map(
          ([name, poll]) => [name, stack.use(createPoll({ name, label, config: poll, bus, clock, log }))] as const,
        );
        // Disposed before its polls, which would wait for an answer that may not come.
        stack.use(bus);
        return [label, { bus, polls: new Map(polls) }] as const;
      });
      running = new Map(buses);
    },
    async bind(link) {
      if (running === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindModbus(link, running);
    },
    async [Symbol.asyncDispose]() {
      running = undefined;
      await stack.disposeAsync();
    },
  };
}
