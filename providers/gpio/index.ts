import {
  PetioleError,
  parseProviderConfig,
  type Clock,
  type Logger,
  type Provider,
  type ProviderDeps,
} from "#provider";
import type { GpioChip } from "./backend.ts";
import { LINES, bindGpio } from "./binding.ts";
import { gpioSchema, linkSchema, type ChipConfig, type GpioConfig, type LinkConfig } from "./config.ts";
import { openControlSocket } from "./control-socket.ts";
import { EDGE_HANDLER } from "./edge-delivery.ts";
import { requestLines, type Lines } from "./lines.ts";
import { createSimulatedChip } from "./simulated.ts";

export interface OpenChipDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Opens what the configuration names. @throws PetioleError ERR_PROVIDER_START */
export type OpenChip = (config: ChipConfig, deps: OpenChipDeps) => Promise<GpioChip>;

const openConfigured: OpenChip = async (config, { clock, log }) => {
  const chip = createSimulatedChip({ lines: config.lines, clock });
  if (config.control_socket === undefined) return chip;
  const control = await openControlSocket(config.control_socket, chip, log);
  return {
    label: chip.label,
    request: (consumer, lines) => chip.request(consumer, lines),
    async [Symbol.asyncDispose]() {
      await control[Symbol.asyncDispose]();
      await chip[Symbol.asyncDispose]();
    },
  };
};

/** `petiole:gpio`: lines and their edges. `open` replaces the way to the chip. */
export function createGpioProvider(
  { id, clock, log }: ProviderDeps,
  open: OpenChip = openConfigured,
): Provider<GpioConfig, LinkConfig> {
  const stack = new AsyncDisposableStack();
  let lines: Lines | undefined;
  return {
    id,
    serves: [LINES],
    calls: [EDGE_HANDLER],
    exclusive: true,
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, gpioSchema, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, linkSchema, raw),
    async start(config, signal) {
      signal.throwIfAborted();
      const chip = stack.use(await open(config.chip, { clock, log }));
      lines = stack.use(requestLines({ id, chip, config, clock, log }));
      log.info("Took GPIO lines", { chip: chip.label, lines: lines.labels });
    },
    async bind(link) {
      if (lines === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindGpio(link, lines, clock);
    },
    async [Symbol.asyncDispose]() {
      lines = undefined;
      await stack.disposeAsync();
    },
  };
}
