import type { ProviderFactory } from "#provider";
import { createGpioProvider } from "./index.ts";
import { createSimulatedChip, createSimulatedSource, type SimulatedChip } from "./simulated.ts";

/** A provider with a chip in memory, whatever chip its configuration names. `onChip` gets each that is made: it plays it. */
export const createPlayedGpioProvider =
  (lines: number, onChip: (chip: SimulatedChip) => void): ProviderFactory =>
  (deps) =>
    createGpioProvider(deps, async (_config, { clock }) => {
      const chip = createSimulatedChip({ lines, clock });
      onChip(chip);
      return createSimulatedSource(chip);
    });
