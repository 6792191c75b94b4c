import { PetioleError, parseProviderConfig, type Provider, type ProviderDeps } from "#provider";
import { FRAME_HANDLER, PORT, RAW, bindSerial } from "./binding.ts";
import { linkSchema, serialSchema, type LinkConfig, type SerialConfig } from "./config.ts";
import type { OpenSerialDevice } from "./line/device.ts";
import { openSerialPort } from "./line/serialport.ts";
import { createPort, type Port } from "./port.ts";

/** `petiole:serial`: frames of serial ports. `open` replaces the way to the hardware. */
export function createSerialProvider(
  { id, clock, log, metrics }: ProviderDeps,
  open: OpenSerialDevice = openSerialPort,
): Provider<SerialConfig, LinkConfig> {
  let running: { readonly config: SerialConfig; readonly ports: ReadonlyMap<string, Port> } | undefined;
  const stack = new AsyncDisposableStack();
  return {
    id,
    serves: [PORT, RAW],
    calls: [FRAME_HANDLER],
    exclusive: true,
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, serialSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      // A device that is not there yet is no reason not to start: its port waits for it.
      const ports = Object.entries(config.ports).map(
        ([label, port]) => [label, stack.use(createPort({ label, config: port, open, clock, log, metrics }))] as const,
      );
      running = { config, ports: new Map(ports) };
    },
    async bind(link) {
      if (running === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindSerial(link, { ...running, clock });
    },
    async [Symbol.asyncDispose]() {
      running = undefined;
      await stack.disposeAsync();
    },
  };
}
