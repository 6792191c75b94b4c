import { createKey } from "../enrolment/keys.ts";
import { formatToken } from "../enrolment/token.ts";
import { PetioleError } from "../domain/errors.ts";
import { roleUserToken } from "./claims.ts";
import type { Fleet } from "./folder.ts";

export interface NewToken {
  /** The only device that may use it. */
  readonly device?: string | undefined;
  readonly profile: string;
  /** Seconds. */
  readonly lifetime: number;
  readonly uses: number;
  /** It may take the place of a device of this name. */
  readonly replaces: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export interface IssuedToken {
  /** Public; names it among the fleet's tokens. */
  readonly key: string;
  /** The secret. Kept nowhere. */
  readonly token: string;
  readonly expires: number;
}

/** The hub lets a token in for so much longer, in which the fleet tells that it has expired. */
const AFTERLIFE = 30 * 86_400;

/** @throws PetioleError ERR_FLEET_UNKNOWN */
export function issueToken({ registry, settings, keys }: Fleet, wanted: NewToken, now: number): IssuedToken {
  const { device, profile, lifetime, uses, replaces, labels } = wanted;
  const user = createKey("user");
  const expires = now + lifetime;
  registry.transaction(() => {
    if (registry.profile(profile) === undefined) {
      const message = `There is no profile "${profile}": \`petiole fleet profile\` makes one of a configuration`;
      throw new PetioleError("ERR_FLEET_UNKNOWN", message);
    }
    if (device !== undefined && !replaces && registry.device(device) !== undefined) {
      const message = `A device is enrolled as "${device}" already: a token with --replace takes its place`;
      throw new PetioleError("ERR_FLEET_UNKNOWN", message);
    }
    registry.forgetTokens(now - AFTERLIFE);
    registry.addToken({
      key: user.publicKey,
      device: device ?? null,
      profile,
      created: now,
      expires,
      uses,
      replaces: replaces ? 1 : 0,
      labels: JSON.stringify(labels),
    });
  });
  const account = keys.account.publicKey;
  const claims = { key: user.publicKey, name: "enrolment token", account, issued: now, expires: expires + AFTERLIFE };
  const jwt = roleUserToken(keys.enrolment, claims);
  return { key: user.publicKey, token: formatToken({ urls: settings.urls, jwt, seed: user.seed }), expires };
}
