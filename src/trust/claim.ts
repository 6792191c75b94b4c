// What a piece of evidence says of a component once its signature is known to be good, and why a piece says nothing.

import type { EvidenceKind, UntrustedReason } from "../domain/trust.ts";
import type { Digest } from "../domain/workload.ts";
import type { PublicKey } from "./keys.ts";

/** A key of the policy. */
export interface PinnedKey extends PublicKey {
  readonly name: string;
  readonly kinds: readonly EvidenceKind[];
}

/** The component as it was read. */
export interface Subject {
  /** The name that signatures have to be for. */
  readonly name: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface Claim {
  readonly kind: EvidenceKind;
  readonly signer: PinnedKey;
  /** What it is for, when that is another file. */
  readonly otherDigest?: string | undefined;
  readonly size?: number | undefined;
  /** Any of them may be the component's; with none, it says nothing of the name. */
  readonly names: readonly string[];
  readonly version?: string | undefined;
  /** A number that grows with each version; wascap has one. */
  readonly revision?: number | undefined;
  readonly minAgent?: string | undefined;
  /** Unix milliseconds. */
  readonly notBefore?: number | undefined;
  /** Unix milliseconds; from then on it has expired. */
  readonly notAfter?: number | undefined;
}

/** Why a piece of evidence does not count. */
export interface Finding {
  readonly kind: EvidenceKind;
  readonly reason: UntrustedReason;
  /** Begins as the second half of a sentence: "its signature …". */
  readonly detail: string;
}

export type Heard = { readonly claim: Claim } | { readonly finding: Finding };

export const isFinding = (heard: Heard): heard is { readonly finding: Finding } => "finding" in heard;
export const isClaim = (heard: Heard): heard is { readonly claim: Claim } => "claim" in heard;

export function keysFor(keys: readonly PinnedKey[], kind: EvidenceKind): readonly PinnedKey[] {
  return keys.filter((key) => key.kinds.includes(kind));
}
