import { PetioleError } from "../../domain/errors.ts";
import { pushAccount } from "../../fleet/account.ts";
import type { Fleet } from "../../fleet/folder.ts";
import type { DeviceRow } from "../../fleet/registry.ts";
import { printAnswer } from "../agent-socket.ts";
import { formatAge, formatTable } from "../table.ts";
import { fleetOf, now, pushedText, pushNow, timeOf, type FleetOptions } from "./shared.ts";

export interface DeviceCommandOptions extends FleetOptions {
  readonly dryRun?: true;
}

/** `petiole fleet devices` */
export async function fleetDevices(options: FleetOptions): Promise<void> {
  using fleet = await fleetOf(options);
  const at = now();
  const rows = fleet.registry.devices();
  printAnswer(
    options,
    rows.map((row) => ({ ...reportOf(row), state: stateOf(row, at) })),
    () =>
      rows.length === 0
        ? "no devices"
        : formatTable([
            ["DEVICE", "STATE", "KEY", "PROFILE", "ENROLLED (UTC)", "CREDENTIALS", "ROTATED", "SEEN"],
            ...rows.map((row) => [
              row.name,
              stateOf(row, at),
              row.key.slice(0, 12),
              row.profile,
              timeOf(row.enrolled),
              row.expires > at ? `${formatAge(row.expires - at)} left` : "expired",
              row.rotated === null ? "-" : `${formatAge(at - row.rotated)} ago`,
              `${formatAge(at - row.seen)} ago`,
            ]),
          ]),
  );
}

/** `petiole fleet revoke` */
export async function fleetRevoke(name: string, options: DeviceCommandOptions): Promise<void> {
  using fleet = await fleetOf(options);
  const device = deviceOf(fleet, name);
  const dryRun = options.dryRun === true;
  if (!dryRun) fleet.registry.transaction(() => fleet.registry.revokeDevice(name, now()));
  const reason = dryRun ? undefined : await pushNow(fleet);
  printAnswer(options, { dryRun, device: name, key: device.key, pushed: !dryRun && reason === undefined }, () =>
    dryRun
      ? `would revoke "${name}", key ${device.key}; nothing was changed`
      : `revoked "${name}"; ${pushedText(reason)}`,
  );
  // It is not shut out before the hub knows.
  if (reason !== undefined) throw new PetioleError("ERR_FLEET_HUB", reason);
}

/** `petiole fleet remove` */
export async function fleetRemove(name: string, options: DeviceCommandOptions): Promise<void> {
  using fleet = await fleetOf(options);
  const device = deviceOf(fleet, name);
  if (device.revoked === null) {
    const message = `Cannot remove "${name}": it can still connect; \`petiole fleet revoke ${name}\` shuts it out first`;
    throw new PetioleError("ERR_FLEET_UNKNOWN", message);
  }
  const dryRun = options.dryRun === true;
  // Its keys stay revoked: they are kept apart.
  if (!dryRun) fleet.registry.removeDevice(name);
  printAnswer(options, { dryRun, device: name }, () =>
    dryRun ? `would remove "${name}"; nothing was changed` : `removed "${name}"`,
  );
}

/** `petiole fleet push` */
export async function fleetPush(options: FleetOptions): Promise<void> {
  using fleet = await fleetOf(options);
  await pushAccount(fleet, now());
  printAnswer(
    options,
    { account: fleet.keys.account.publicKey },
    () => "the hub knows the fleet's account as it is now",
  );
}

function deviceOf(fleet: Fleet, name: string): DeviceRow {
  const device = fleet.registry.device(name);
  if (device !== undefined) return device;
  throw new PetioleError("ERR_FLEET_UNKNOWN", `The fleet has no device "${name}"`);
}

function stateOf({ revoked, expires, next_key: next }: DeviceRow, at: number): string {
  if (revoked !== null) return "revoked";
  if (expires <= at) return "expired";
  return next === null ? "enrolled" : "rotating";
}

function reportOf(row: DeviceRow) {
  const time = (at: number | null): string | undefined => (at === null ? undefined : new Date(at * 1000).toISOString());
  return {
    name: row.name,
    key: row.key,
    profile: row.profile,
    enrolled: time(row.enrolled),
    expires: time(row.expires),
    rotated: time(row.rotated),
    seen: time(row.seen),
    revoked: time(row.revoked),
    facts: JSON.parse(row.facts) as Record<string, string>,
    labels: JSON.parse(row.labels) as Record<string, string>,
  };
}
