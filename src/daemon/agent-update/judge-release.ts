import { PetioleError } from "../../domain/errors.ts";
import { releaseName, targetOfName, type ReleaseTarget } from "../../domain/release.ts";
import { UNTRUSTED } from "../../domain/trust.ts";
import { judge, type TrustPolicy } from "../../trust/judge.ts";
import { parseSignedStatement, type Statement } from "../../trust/statement.ts";
import { compareVersions } from "../../trust/version.ts";

export interface ReleaseCircumstances {
  readonly target: ReleaseTarget;
  /** Version of the agent that asks. */
  readonly running: string;
  /** Undefined where nobody knows it. */
  readonly packaged: string | undefined;
  readonly now: { readonly wall: number; readonly synced: boolean };
  readonly bad: readonly { readonly version: string; readonly reason: string }[];
}

export interface TrustedRelease {
  readonly statement: Statement;
  readonly signers: readonly string[];
}

/** An executable is at most so large: the largest of any petiole is a fourth of it. */
const MAX_SIZE = 1024 ** 3;

/**
 * Whether a release may run here, by its signed statement. `source` is what it is called in messages.
 * @throws PetioleError ERR_RELEASE_INVALID, ERR_RELEASE_TARGET, ERR_RELEASE_BAD, ERR_TRUST_… of each reason
 */
export function judgeRelease(
  source: string,
  text: string,
  policy: TrustPolicy,
  { target, running, packaged, now, bad }: ReleaseCircumstances,
): TrustedRelease {
  const parsed = parseSignedStatement(text);
  if ("fault" in parsed) {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot use the release "${source}": its statement: ${parsed.fault}`);
  }
  const { statement } = parsed;
  const { name, version, digest, size } = statement;
  const found = targetOfName(name);
  if (found !== undefined && found !== target) {
    throw new PetioleError(
      "ERR_RELEASE_TARGET",
      `Cannot use the release "${source}": it is for ${found}, want ${target}`,
    );
  }
  const verdict = judge({ name: releaseName(target), digest, size }, { statement: text, unreadable: [] }, policy, {
    now,
    agent: running,
    memory: { names: new Map([[releaseName(target), { version: running }]]), digests: [] },
  });
  if (!verdict.trusted) {
    const why = `it is not trusted (${verdict.reason}): ${verdict.detail}`;
    throw new PetioleError(UNTRUSTED[verdict.reason], `Cannot use the release "${source}": ${why}`);
  }
  if (size > MAX_SIZE) {
    const want = `want at most ${MAX_SIZE}`;
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot use the release "${source}": it has ${size} bytes, ${want}`);
  }
  refuseVersion(source, version, { running, packaged, bad }, policy);
  return { statement, signers: verdict.signers };
}

/**
 * Whether a version may run here, whatever its release says.
 * @throws PetioleError ERR_TRUST_DOWNGRADE, ERR_RELEASE_BAD
 */
export function refuseVersion(
  source: string,
  version: string,
  { running, packaged, bad }: Pick<ReleaseCircumstances, "running" | "packaged" | "bad">,
  { allowDowngrade }: Pick<TrustPolicy, "allowDowngrade">,
): void {
  if (version === running) return;
  const refuse = (code: "ERR_TRUST_DOWNGRADE" | "ERR_RELEASE_BAD", why: string): never => {
    throw new PetioleError(code, `Cannot use the release "${source}": ${why}`);
  };
  if (!allowDowngrade && compareVersions(version, running) < 0) {
    refuse("ERR_TRUST_DOWNGRADE", `it is ${version}, and ${running} runs`);
  }
  // The launcher starts the packaged version rather than one that is not newer.
  if (packaged !== undefined && compareVersions(version, packaged) <= 0) {
    const why = `it is ${version}, and the package brings ${packaged}: install an older package to go back further`;
    refuse("ERR_TRUST_DOWNGRADE", why);
  }
  if (packaged !== undefined && areAheadOfOne(version, packaged)) {
    const why = `it is ${version}, and the package brings ${packaged}: install the package of it`;
    refuse("ERR_TRUST_DOWNGRADE", why);
  }
  const mark = bad.find((one) => one.version === version);
  if (mark !== undefined) refuse("ERR_RELEASE_BAD", `version ${version} failed here before: ${mark.reason}`);
}

/** Whether both came ahead of the same release. The launcher takes them for the same, and starts the packaged one. */
function areAheadOfOne(one: string, other: string): boolean {
  const [left, right] = [one, other].map((version) => /^([^+-]+)-/.exec(version)?.[1]);
  return left !== undefined && left === right;
}
