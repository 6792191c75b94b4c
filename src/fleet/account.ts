// The account of the fleet as the hub is to see it: which roles there are, and which keys were revoked. It is made anew
// from the registry whenever one of these changes, and pushed to the hub, which keeps it.

import { z } from "zod";
import type { NatsConnection } from "@nats-io/transport-node";
import { dialUser, requestText } from "../adapters/lattice/dial-user.ts";
import { describeNatsError } from "../adapters/lattice/nats-error.ts";
import type { HubPermissions } from "../adapters/lattice/permissions.ts";
import { pushClaims } from "../adapters/lattice/subjects.ts";
import { PetioleError } from "../domain/errors.ts";
import { createKey } from "../enrolment/keys.ts";
import { accountToken, adminToken } from "./claims.ts";
import type { Fleet } from "./folder.ts";
import { PUSHED, type AccountRow } from "./registry.ts";

const pushed = z.object({ data: z.object({ code: z.int() }).optional(), error: z.unknown().optional() });

/** What the hub must come to know, made anew when roles or revocations are others than those in it. */
export function currentAccount({ registry, settings, keys }: Fleet, now: number): AccountRow {
  return registry.transaction(() => {
    const known = registry.account();
    if (known !== undefined && known.pushed !== PUSHED.stale) return known;
    registry.forgetKeys(now);
    // The hub takes no account that is older than the one it has.
    const issued = Math.max(now, (known?.issued ?? 0) + 1);
    const jwt = accountToken(keys.operator, {
      account: keys.account.publicKey,
      name: settings.name,
      issued,
      enrolment: keys.enrolment.publicKey,
      profiles: registry.profiles(),
      revocations: registry.revocations(now),
    });
    registry.saveAccount(jwt, issued);
    return { jwt, issued, pushed: PUSHED.no };
  });
}

/**
 * Makes or changes the role of devices with this name.
 * @returns whether anything is another than before
 */
export function setProfile({ registry }: Fleet, name: string, permissions: HubPermissions): boolean {
  return registry.transaction(() => {
    const before = registry.profile(name);
    if (JSON.stringify(before?.permissions) === JSON.stringify(permissions)) return false;
    const key = createKey("account");
    registry.saveProfile({ name, key: key.publicKey, seed: key.seed, ...before, permissions });
    return true;
  });
}

/**
 * Tells the hub the account as it is now.
 * @throws PetioleError ERR_FLEET_HUB
 */
export async function pushAccount(fleet: Fleet, now: number): Promise<void> {
  const { settings, keys, registry } = fleet;
  const { jwt } = currentAccount(fleet, now);
  let connection: NatsConnection | undefined;
  try {
    const user = createKey("user");
    connection = await dialUser({
      servers: settings.urls,
      jwt: adminToken(keys.system, user.publicKey, now),
      seed: user.seed,
      tls: { ca: settings.ca },
      name: "petiole fleet push",
    });
    const text = await requestText(connection, pushClaims(), jwt);
    const answer = pushed.safeParse(parseJson(text));
    if (!answer.success || answer.data.data?.code !== 200) throw new Error(`the hub says ${text.slice(0, 200)}`);
  } catch (cause) {
    const where = settings.urls.join(", ");
    throw new PetioleError("ERR_FLEET_HUB", `Cannot tell the hub at "${where}": ${describeNatsError(cause)}`, {
      cause,
    });
  } finally {
    await connection?.close();
  }
  registry.markPushed(jwt);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
