// What a device has to do about its credentials. Pure.

import { createHash } from "node:crypto";
import { millis, type Millis } from "../domain/units.ts";
import type { HubLink } from "../domain/hub-link.ts";
import type { Validity } from "./credentials.ts";

export interface CredentialsView {
  /** Of what opens the link now. */
  readonly active: Validity;
  /** Of what was known to open it before, when `active` has not been seen to do so yet. */
  readonly before: Validity | undefined;
  /** Unix time, when it is known: a device's clock may be anywhere. */
  readonly now: Millis | undefined;
  readonly link: HubLink;
  /** For how long the hub has refused the device. */
  readonly refusedFor: Millis | undefined;
  /** Somebody wants new credentials now. */
  readonly wanted: boolean;
}

/**
 * `confirm`: tell the fleet over the link that the new credentials open it. `fall-back`: use those from before.
 * `renew`: ask for new ones over the link. `recover`: ask for new ones around it.
 */
export type CredentialsStep = "none" | "confirm" | "fall-back" | "renew" | "recover";

export interface Patience {
  /** For how long a hub may refuse the device before that is taken seriously: it may be starting itself. */
  readonly refused: Millis;
  /** The same while new credentials are tried: the link has to be made anew first. */
  readonly trial: Millis;
}

export function planCredentials(view: CredentialsView, patience: Patience): CredentialsStep {
  const { active, before, now, link, refusedFor, wanted } = view;
  const isRefused =
    refusedFor !== undefined && refusedFor >= (before === undefined ? patience.refused : patience.trial);
  if (before !== undefined) {
    if (link === "online") return "confirm";
    if (isRefused && !hasExpired(before, now)) return "fall-back";
  }
  if (link === "online") return wanted || isDue(active, now) ? "renew" : "none";
  return isRefused || (link === "offline" && hasExpired(active, now)) ? "recover" : "none";
}

/** Without a time to compare it with, nothing is held to have expired: the hub says so if it has. */
function hasExpired({ expires }: Validity, now: Millis | undefined): boolean {
  return expires !== undefined && now !== undefined && now >= expires;
}

function isDue(validity: Validity, now: Millis | undefined): boolean {
  const due = renewalOf(validity);
  return due !== undefined && now !== undefined && now >= due;
}

/**
 * When new credentials are asked for: after two thirds of the lifetime, a little earlier or later for each key, so that
 * devices that enrolled together do not come together.
 */
export function renewalOf({ publicKey, issued, expires }: Validity): Millis | undefined {
  if (expires === undefined) return undefined;
  const spread = createHash("sha256").update(publicKey).digest().readUInt32BE() / 2 ** 32 - 0.5;
  return millis(Math.round(issued + (expires - issued) * (2 / 3 + spread / 10)));
}

/** Tells from a link's reason whether the hub does not let this device in; a certificate is another matter. */
export function isRefusal(reason: string | undefined): boolean {
  if (reason === undefined || /certificate|TLS/i.test(reason)) return false;
  return /authorization|authentication|revoked|refuses the credentials|credentials have expired/i.test(reason);
}
