import { PetioleError } from "../../domain/errors.ts";
import type { Millis } from "../../domain/units.ts";
import type { TokenRow } from "../../fleet/registry.ts";
import { issueToken } from "../../fleet/tokens.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer } from "../agent-socket.ts";
import { formatTable } from "../table.ts";
import type { DeviceCommandOptions } from "./devices.ts";
import { fleetOf, now, timeOf, type FleetOptions } from "./shared.ts";

export interface TokenOptions extends FleetOptions {
  readonly name?: string;
  readonly profile: string;
  readonly expires: Millis;
  readonly uses: number;
  readonly replace?: true;
  readonly label?: readonly string[];
  readonly out?: string;
}

/** `petiole fleet token` */
export async function fleetToken(options: TokenOptions): Promise<void> {
  const { name: device, profile, uses, replace, out } = options;
  if (device !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(device)) {
    const message = `Cannot name a device "${device}": want letters, digits, - and _, at most 64`;
    throw new PetioleError("ERR_FLEET_UNKNOWN", message);
  }
  using fleet = await fleetOf(options);
  const lifetime = Math.max(1, Math.floor(options.expires / 1000));
  const labels = labelsOf(options.label ?? []);
  const wanted = { device, profile, lifetime, uses, replaces: replace === true, labels };
  const { key, token, expires } = issueToken(fleet, wanted, now());
  if (out !== undefined) {
    try {
      await writeFileAtomic(out, `${token}\n`);
    } catch (cause) {
      // Nobody has it.
      fleet.registry.withdrawToken(key, now());
      throw new PetioleError("ERR_FLEET_FOLDER", `Cannot write the token to "${out}": ${reasonOf(cause)}`, { cause });
    }
  }
  const report = {
    key,
    device,
    profile,
    uses,
    expires: timeOf(expires),
    ...(out === undefined ? { token } : { file: out }),
  };
  // Nothing else on standard output: it is taken up by scripts.
  printAnswer(options, report, () => (out === undefined ? token : `wrote the token to ${out}`));
  if (options.json !== true) {
    console.error(
      `petiole: for ${device ?? "any device"}, ${uses} use${uses === 1 ? "" : "s"}, until ${timeOf(expires)} UTC`,
    );
  }
}

/** `petiole fleet tokens` */
export async function fleetTokens(options: FleetOptions): Promise<void> {
  using fleet = await fleetOf(options);
  const tokens = fleet.registry.tokens().map((row) => ({
    key: row.key,
    device: row.device ?? undefined,
    profile: row.profile,
    created: timeOf(row.created),
    expires: timeOf(row.expires),
    uses: row.uses,
    used: row.used,
    state: stateOf(row, now()),
    labels: JSON.parse(row.labels) as Record<string, string>,
  }));
  printAnswer(options, tokens, () =>
    tokens.length === 0
      ? "no tokens"
      : formatTable([
          ["TOKEN", "DEVICE", "PROFILE", "EXPIRES (UTC)", "USED", "STATE"],
          ...tokens.map((one) => [
            one.key.slice(0, 12),
            one.device ?? "any",
            one.profile,
            one.expires,
            `${one.used}/${one.uses}`,
            one.state,
          ]),
        ]),
  );
}

/** `petiole fleet withdraw` */
export async function fleetWithdraw(token: string, options: DeviceCommandOptions): Promise<void> {
  using fleet = await fleetOf(options);
  const found = fleet.registry.tokens().filter(({ key }) => token.length >= 8 && key.startsWith(token));
  const [row] = found;
  if (row === undefined || found.length > 1) {
    const what = found.length > 1 ? "more than one token begins" : "no token of 8 letters or more begins";
    throw new PetioleError("ERR_FLEET_UNKNOWN", `Cannot withdraw "${token.slice(0, 56)}": ${what} so`);
  }
  const dryRun = options.dryRun === true;
  if (!dryRun) fleet.registry.withdrawToken(row.key, now());
  printAnswer(options, { dryRun, key: row.key, used: row.used }, () =>
    dryRun ? `would withdraw ${row.key}; nothing was changed` : `withdrew ${row.key}`,
  );
}

function stateOf({ withdrawn, expires, used, uses }: TokenRow, at: number): string {
  if (withdrawn !== null) return "withdrawn";
  if (used >= uses) return "spent";
  return expires <= at ? "expired" : "open";
}

function labelsOf(pairs: readonly string[]): Record<string, string> {
  const labels = pairs.map((pair) => {
    const split = pair.indexOf("=");
    if (split > 0 && pair.length <= 256) return [pair.slice(0, split), pair.slice(split + 1)];
    throw new PetioleError("ERR_FLEET_UNKNOWN", `Cannot use the label "${pair}": want name=value`);
  });
  return Object.fromEntries(labels) as Record<string, string>;
}
