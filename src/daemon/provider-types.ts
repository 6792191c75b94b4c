import { idleExecutables } from "../adapters/lattice/executable/provider.ts";
import type { ProviderFactory } from "../provider/contract.ts";
import { PROVIDERS } from "../../providers/index.ts";

/** The type of a provider that is a process of its own. */
export const EXECUTABLE = "executable";

/** Every type that a configuration may name. Without `executables`, those can be checked and not started. */
export function providerTypes(
  executables: ProviderFactory = idleExecutables,
): Readonly<Record<string, () => Promise<ProviderFactory>>> {
  return { ...PROVIDERS, [EXECUTABLE]: async () => executables };
}
