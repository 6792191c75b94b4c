import { formatPermissions } from "../../adapters/lattice/permissions.ts";
import { loadConfig } from "../../config/load.ts";
import { permissionsOf } from "../../daemon/hub-permissions.ts";

export async function permissions(file: string, { json }: { json?: true }): Promise<void> {
  const { config } = await loadConfig(file);
  const found = permissionsOf(config);
  process.stdout.write(`${json === true ? JSON.stringify(found) : formatPermissions(found)}\n`);
}
