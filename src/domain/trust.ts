// Whether a component may run: what a policy says of its digest and of who signed it.

import type { ErrorCode } from "./errors.ts";
import type { Digest } from "./workload.ts";

/** `off`: nothing is looked at. `warn`: what would be refused is logged and runs. */
export const TRUST_MODES = ["off", "warn", "enforce"] as const;
export type TrustMode = (typeof TRUST_MODES)[number];

/** `statement`: petiole's own signed statement. `wascap`: claims of wasmCloud's tools. `cosign`: of a cosign key pair. */
export const EVIDENCE_KINDS = ["statement", "wascap", "cosign"] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

/** What becomes of evidence with a period of validity while nobody has set the device's clock. */
export const UNSYNCED_CLOCK = ["allow", "allow-known", "refuse"] as const;
export type UnsyncedClock = (typeof UNSYNCED_CLOCK)[number];

/**
 * Why a component is not trusted, and the error code that says so. In the order in which evidence is examined: of several
 * pieces that fail, the one that came furthest says most.
 */
export const UNTRUSTED = {
  unsigned: "ERR_TRUST_UNSIGNED",
  malformed: "ERR_TRUST_MALFORMED",
  "unknown-signer": "ERR_TRUST_SIGNER",
  "bad-signature": "ERR_TRUST_SIGNATURE",
  "other-digest": "ERR_TRUST_DIGEST",
  "other-size": "ERR_TRUST_SIZE",
  "other-name": "ERR_TRUST_NAME",
  "agent-too-old": "ERR_TRUST_AGENT",
  "not-yet-valid": "ERR_TRUST_EARLY",
  expired: "ERR_TRUST_EXPIRED",
  "clock-unsynced": "ERR_TRUST_CLOCK",
  downgraded: "ERR_TRUST_DOWNGRADE",
  threshold: "ERR_TRUST_THRESHOLD",
} as const satisfies Record<string, ErrorCode>;

export type UntrustedReason = keyof typeof UNTRUSTED;

/** What `petiole status` shows of a component; nothing when the policy is off. */
export interface ComponentTrust {
  readonly trusted: boolean;
  /** Names of the keys that vouch for it; empty when its digest is on the list. */
  readonly signers: readonly string[];
  /** Version that they vouch for. */
  readonly version: string | undefined;
  /** Why it is not trusted. It runs all the same where the policy only warns. */
  readonly reason: UntrustedReason | undefined;
}

/** What a device goes by besides its policy. */
export interface TrustMemoryReport {
  /** Whether somebody has set its clock. */
  readonly clockSynced: boolean;
  /** The newest that it accepted of each name. */
  readonly names: Readonly<
    Record<string, { readonly version?: string | undefined; readonly revision?: number | undefined }>
  >;
  /** That ran on it. */
  readonly digests: readonly Digest[];
}

/** What a provider's archive says of itself, and the binary in it that this is about. */
export interface ExecutableClaims {
  /** JSON web token. */
  readonly token: string;
  /** Such as `aarch64-linux`. */
  readonly target: string;
  /** SHA-256 of the binary in upper-case hexadecimal digits. */
  readonly hash: string;
}
