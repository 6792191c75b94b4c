import {
  PetioleError,
  openDeviceIo,
  parseProviderConfig,
  type Clock,
  type Logger,
  type Provider,
  type ProviderDeps,
} from "#provider";
import type { ChipSource } from "./backend.ts";
import { LINES, bindGpio } from "./binding.ts";
import { createCdevSource } from "./cdev.ts";
import { gpioSchema, linkSchema, type ChipConfig, type GpioConfig, type LinkConfig } from "./config.ts";
import { openControlSocket } from "./control-socket.ts";
import { EDGE_HANDLER } from "./edge-delivery.ts";
import { takeLines, type Lines } from "./lines.ts";
import { createSimulatedChip, createSimulatedSource } from "./simulated.ts";
import { createSysfsSource } from "./sysfs.ts";

export interface OpenSourceDeps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** Finds what the configuration names. @throws PetioleError ERR_PROVIDER_START, ERR_DEVICE_ADDON */
export type OpenSource = (config: ChipConfig, deps: OpenSourceDeps) => Promise<ChipSource>;

const openConfigured: OpenSource = async (config, { clock, log }) => {
  if (config.backend === "cdev") return createCdevSource(openDeviceIo(), config.chip);
  if (config.backend === "sysfs") return createSysfsSource({ io: openDeviceIo(), clock }, config.chip);
  const chip = createSimulatedChip({ lines: config.lines, clock });
  const source = createSimulatedSource(chip);
  if (config.control_socket === undefined) return source;
  const control = await openControlSocket(config.control_socket, chip, log);
  return {
    ...source,
    async [Symbol.asyncDispose]() {
      await control[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
    },
  };
};

/** `petiole:gpio`: lines and their edges. `open` replaces the way to the chip. */
export function createGpioProvider(
  { id, clock, log, metrics }: ProviderDeps,
  open: OpenSource = openConfigured,
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
      const source = stack.use(await open(config.chip, { clock, log }));
      lines = stack.use(await takeLines({ id, source, config, clock, log, metrics }));
      log.info("Took GPIO lines", { chip: lines.chip, lines: lines.labels });
    },
    async bind(link) {
      if (lines === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${link.component}": "${id}" is not running`);
      }
      return bindGpio({ link, lines, clock, metrics });
    },
    async [Symbol.asyncDispose]() {
      lines = undefined;
      await stack.disposeAsync();
    },
  };
}
