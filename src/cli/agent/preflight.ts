import { ownPreflight } from "../../daemon/agent-update/preflight.ts";
import { checkProviders } from "../../daemon/check-providers.ts";
import { loadConfig } from "../../config/load.ts";

/** `petiole agent preflight`: whether this petiole could run with a configuration here, and what it does to a store. */
export async function agentPreflight(config: string): Promise<void> {
  await checkProviders(await loadConfig(config));
  process.stdout.write(`${JSON.stringify(ownPreflight())}\n`);
}
