import { resolve } from "node:path";
import { isPetioleError } from "../../domain/errors.ts";
import { pushAccount } from "../../fleet/account.ts";
import { openFleet, type Fleet } from "../../fleet/folder.ts";

export interface FleetOptions {
  readonly dir: string;
  readonly json?: true;
}

/** Seconds since 1970. */
export const now = (): number => Math.floor(Date.now() / 1000);

export const timeOf = (at: number): string => new Date(at * 1000).toISOString().slice(0, 16).replace("T", " ");

/** The caller disposes it. @throws PetioleError ERR_FLEET_FOLDER */
export async function fleetOf({ dir }: FleetOptions): Promise<Fleet> {
  return await openFleet(resolve(dir));
}

/** What was written down stays so when the hub is away: it is told later. Returns why it was not. */
export async function pushNow(fleet: Fleet): Promise<string | undefined> {
  try {
    await pushAccount(fleet, now());
    return undefined;
  } catch (error) {
    if (isPetioleError(error, "ERR_FLEET_HUB")) return error.message;
    throw error;
  }
}

/** For people, after the answer. */
export const pushedText = (reason: string | undefined): string =>
  reason === undefined
    ? "the hub knows"
    : `the hub does not know yet: ${reason}\n\`petiole fleet push\` tells it, and so does \`petiole fleet serve\` while it runs`;
