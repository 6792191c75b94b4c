import { currentAccount } from "./account.ts";
import { operatorToken, systemToken } from "./claims.ts";
import type { Fleet } from "./folder.ts";

/**
 * What a hub of the fleet's own needs in its configuration: who the operator is, and where it keeps the accounts. The
 * account that stands in it is for the first start; the hub keeps a newer one that it was told.
 */
export function hubConfig(fleet: Fleet, now: number, accountsDir: string): string {
  const { keys } = fleet;
  const system = keys.system.publicKey;
  return [
    `operator: ${operatorToken(keys.operator, system, now)}`,
    `system_account: ${system}`,
    "resolver {",
    "  type: full",
    `  dir: ${JSON.stringify(accountsDir)}`,
    "  allow_delete: false",
    "}",
    "resolver_preload {",
    `  ${system}: ${systemToken(keys.operator, system, now)}`,
    `  ${keys.account.publicKey}: ${currentAccount(fleet, now).jwt}`,
    "}",
    "",
  ].join("\n");
}
