// Whether a component may run: a function of its bytes' digest, the evidence found with it, the policy, the time, and what
// the device remembers. Pure.

import { UNTRUSTED, type TrustMode, type UnsyncedClock, type UntrustedReason } from "../domain/trust.ts";
import type { Digest } from "../domain/workload.ts";
import { isClaim, isFinding, type Claim, type Finding, type Heard, type PinnedKey, type Subject } from "./claim.ts";
import { hearCosign } from "./hear-cosign.ts";
import { hearStatement } from "./hear-statement.ts";
import { hearWascap } from "./hear-wascap.ts";
import type { Newest, TrustMemory } from "./memory.ts";
import { compareVersions } from "./version.ts";

export interface TrustPolicy {
  readonly mode: TrustMode;
  /** May run, whoever signed them. */
  readonly digests: readonly Digest[];
  /** No key is in it twice. */
  readonly keys: readonly PinnedKey[];
  /** How many of the keys have to vouch for a component. */
  readonly threshold: number;
  readonly allowDowngrade: boolean;
  readonly unsyncedClock: UnsyncedClock;
}

/** What was found with a component. */
export interface Evidence {
  /** Text of the file with the signed statement. */
  readonly statement?: string | undefined;
  readonly cosign?: { readonly signatures: string; readonly manifest: string | undefined } | undefined;
  /** Tokens in the component, with the hash that they have to name; of a provider's binary, for `target`. */
  readonly wascap?:
    | { readonly tokens: readonly string[]; readonly hash: string; readonly target?: string | undefined }
    | undefined;
  /** What is there and could not be read. */
  readonly unreadable: readonly Finding[];
}

export interface Circumstances {
  /** Unix milliseconds, and whether somebody has set the device's clock. */
  readonly now: { readonly wall: number; readonly synced: boolean };
  /** Version of this agent. */
  readonly agent: string;
  /** Undefined where nobody can tell: nothing is a downgrade then, and no digest known. */
  readonly memory: TrustMemory | undefined;
}

export type Verdict =
  | {
      readonly trusted: true;
      /** Empty when the digest is on the list. */
      readonly signers: readonly string[];
      /** What as many keys as are needed vouch for. */
      readonly accepted: Newest;
      readonly findings: readonly Finding[];
      readonly dated: boolean;
    }
  | {
      readonly trusted: false;
      readonly reason: UntrustedReason;
      readonly detail: string;
      /** Of the keys that do vouch for it, when they are too few. */
      readonly signers: readonly string[];
      readonly findings: readonly Finding[];
      /** Some of the evidence has a period of validity: at another time the verdict may be another one. */
      readonly dated: boolean;
    };

const REASONS = Object.keys(UNTRUSTED);

export function judge(subject: Subject, evidence: Evidence, policy: TrustPolicy, around: Circumstances): Verdict {
  if (policy.digests.includes(subject.digest))
    return { trusted: true, signers: [], accepted: {}, findings: [], dated: false };
  const heard = [...hear(subject, evidence, policy.keys), ...evidence.unreadable.map((finding) => ({ finding }))];
  const dated = heard.filter(isClaim).some(({ claim }) => (claim.notBefore ?? claim.notAfter) !== undefined);
  const examined = heard.map((one) => (isFinding(one) ? one : examine(one.claim, subject, policy, around)));
  const findings = examined.filter(isFinding).map(({ finding }) => finding);
  const votes = Map.groupBy(
    examined.filter(isClaim).map(({ claim }) => claim),
    ({ signer }) => signer,
  );
  const signers = [...votes.keys()].map(({ name }) => name);
  if (votes.size >= policy.threshold) {
    return { trusted: true, signers, accepted: vouchedFor([...votes.values()], policy.threshold), findings, dated };
  }
  const { reason, detail } = refusal(signers, findings, policy.threshold);
  return { trusted: false, reason, detail, signers, findings, dated };
}

function hear(subject: Subject, { statement, cosign, wascap }: Evidence, keys: readonly PinnedKey[]): readonly Heard[] {
  return [
    ...(statement === undefined ? [] : hearStatement(statement, keys, subject)),
    ...(wascap === undefined ? [] : wascap.tokens.map((token) => hearWascap(token, keys, wascap))),
    ...(cosign === undefined ? [] : hearCosign(cosign, keys, subject)),
  ];
}

/** Whether a claim with a good signature counts for this component, here and now. */
function examine(claim: Claim, subject: Subject, policy: TrustPolicy, around: Circumstances): Heard {
  const { kind, signer, otherDigest, size, names, minAgent } = claim;
  const by = `the ${kind} signed by "${signer.name}"`;
  const fail = (reason: UntrustedReason, detail: string): Heard => ({ finding: { kind, reason, detail } });
  if (otherDigest !== undefined) return fail("other-digest", `${by} is for ${otherDigest}, found ${subject.digest}`);
  if (size !== undefined && size !== subject.size) {
    return fail("other-size", `${by} is for ${size} bytes, found ${subject.size}`);
  }
  if (names.length > 0 && !names.includes(subject.name)) {
    return fail("other-name", `${by} is for "${names.join('" or "')}", want "${subject.name}"`);
  }
  if (minAgent !== undefined && compareVersions(around.agent, minAgent) < 0) {
    return fail("agent-too-old", `${by} asks for petiole ${minAgent}, this is ${around.agent}`);
  }
  const timely = examineTime(claim, subject, policy, around);
  if (timely !== undefined) return fail(timely.reason, `${by} ${timely.detail}`);
  const newest = policy.allowDowngrade ? undefined : around.memory?.names.get(subject.name);
  const older = newest === undefined ? undefined : describeDowngrade(claim, newest);
  return older === undefined ? { claim } : fail("downgraded", `${by} ${older}`);
}

function examineTime(
  { notBefore, notAfter }: Claim,
  { digest }: Subject,
  { unsyncedClock }: TrustPolicy,
  { now, memory }: Circumstances,
): { readonly reason: UntrustedReason; readonly detail: string } | undefined {
  if (notBefore === undefined && notAfter === undefined) return undefined;
  if (!now.synced) {
    const known = memory?.digests.includes(digest) === true;
    if (unsyncedClock === "allow" || (unsyncedClock === "allow-known" && known)) return undefined;
    const found = unsyncedClock === "refuse" ? "" : ", and this component has not run here before";
    return { reason: "clock-unsynced", detail: `has a period of validity, but nobody has set the clock${found}` };
  }
  if (notBefore !== undefined && now.wall < notBefore) {
    return { reason: "not-yet-valid", detail: `is valid from ${format(notBefore)} on, it is ${format(now.wall)}` };
  }
  if (notAfter !== undefined && now.wall >= notAfter) {
    return { reason: "expired", detail: `has expired at ${format(notAfter)}, it is ${format(now.wall)}` };
  }
  return undefined;
}

/** How a claim is older than what was accepted before; undefined when it is not. */
function describeDowngrade({ version, revision }: Claim, newest: Newest): string | undefined {
  const before = newest.version ?? `revision ${newest.revision}`;
  if (version !== undefined && newest.version !== undefined) {
    if (compareVersions(version, newest.version) < 0) {
      return `is for version ${version}, and ${newest.version} was accepted before`;
    }
    if (revision === undefined || newest.revision === undefined) return undefined;
  }
  if (revision !== undefined && newest.revision !== undefined) {
    return revision < newest.revision
      ? `is for revision ${revision}, and ${newest.revision} was accepted before`
      : undefined;
  }
  if (newest.version === undefined && newest.revision === undefined) return undefined;
  return `has no version that could be compared, and ${before} was accepted before`;
}

/** Of the versions that each key vouches for, the newest that enough keys reach: a single key cannot push it up. */
function vouchedFor(votes: readonly (readonly Claim[])[], threshold: number): Newest {
  const versions = votes.map((claims) => newestOf(claims.map(({ version }) => version))).sort(byVersion);
  const revisions = votes.map((claims) => Math.max(...claims.map(({ revision }) => revision ?? -1)));
  const revision = revisions.sort((one, other) => other - one)[threshold - 1] ?? -1;
  return { version: versions[threshold - 1], revision: revision < 0 ? undefined : revision };
}

const newestOf = (versions: readonly (string | undefined)[]): string | undefined => [...versions].sort(byVersion)[0];

/** The newest first. */
const byVersion = (one: string | undefined, other: string | undefined): number =>
  compareVersions(other ?? "", one ?? "");

function refusal(
  signers: readonly string[],
  findings: readonly Finding[],
  threshold: number,
): { readonly reason: UntrustedReason; readonly detail: string } {
  if (signers.length > 0) {
    const others = findings.map(({ detail }) => `; ${detail}`).join("");
    const detail = `${signers.length} of the ${threshold} keys that are needed vouch for it (${signers.join(", ")})${others}`;
    return { reason: "threshold", detail };
  }
  const rank = ({ reason }: Finding): number => REASONS.indexOf(reason);
  const [furthest] = [...findings].sort((one, other) => rank(other) - rank(one));
  return furthest ?? { reason: "unsigned", detail: "nobody has signed it" };
}

const format = (time: number): string =>
  Number.isFinite(time) && Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : `second ${time / 1000}`;
