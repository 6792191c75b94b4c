import type { HubPermissions } from "../../adapters/lattice/permissions.ts";
import { loadConfig } from "../../config/load.ts";
import { permissionsOf } from "../../daemon/hub-permissions.ts";
import { setProfile } from "../../fleet/account.ts";
import { NAME_PLACEHOLDER } from "../../fleet/claims.ts";
import { printAnswer } from "../agent-socket.ts";
import { fleetOf, pushedText, pushNow, type FleetOptions } from "./shared.ts";

export interface ProfileOptions extends FleetOptions {
  readonly config: string;
  readonly dryRun?: true;
}

/** `petiole fleet profile` */
export async function fleetProfile(name: string, options: ProfileOptions): Promise<void> {
  const permissions = await profilePermissions(options.config);
  using fleet = await fleetOf(options);
  const before = fleet.registry.profile(name)?.permissions;
  const changes = { added: missingIn(before, permissions), removed: missingIn(permissions, before) };
  const dryRun = options.dryRun === true;
  const changed = !dryRun && setProfile(fleet, name, permissions);
  const reason = changed ? await pushNow(fleet) : undefined;
  const isSame = changes.added.length + changes.removed.length === 0;
  printAnswer(options, { profile: name, dryRun, changed, ...changes, pushed: changed && reason === undefined }, () =>
    [
      ...changes.added.map((one) => `+ ${one}`),
      ...changes.removed.map((one) => `- ${one}`),
      isSame ? `profile "${name}" is so already` : `${dryRun ? "would set" : "set"} profile "${name}"`,
      ...(changed ? [pushedText(reason)] : []),
    ].join("\n"),
  );
}

/**
 * What `petiole hub permissions` says of this configuration, for a device of any name.
 * @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID
 */
export async function profilePermissions(file: string): Promise<HubPermissions> {
  const { config } = await loadConfig(file);
  return permissionsOf({ ...config, device: { ...config.device, id: NAME_PLACEHOLDER } });
}

function missingIn(before: HubPermissions | undefined, after: HubPermissions | undefined): string[] {
  const shown = (subject: string): string => subject.replaceAll(NAME_PLACEHOLDER, "<device>");
  return (["publish", "subscribe"] as const).flatMap((kind) =>
    (after?.[kind] ?? []).filter((one) => before?.[kind].includes(one) !== true).map((one) => `${kind} ${shown(one)}`),
  );
}
