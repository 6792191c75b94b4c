// Semantic versions (semver.org, 2.0.0): which of two is newer.

const NUMBER = String.raw`(0|[1-9]\d{0,8})`;
const PART = String.raw`(?:0|[1-9]\d{0,8}|\d*[A-Za-z-][0-9A-Za-z-]*)`;
const VERSION = new RegExp(
  String.raw`^${NUMBER}\.${NUMBER}\.${NUMBER}(?:-(${PART}(?:\.${PART})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$`,
);
const MAX_LENGTH = 128;

export function isVersion(text: string): boolean {
  return text.length <= MAX_LENGTH && VERSION.test(text);
}

/** Below 0 when `one` is older. What is no version is older than every version. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [split(one), split(other)];
  if (left === undefined || right === undefined) return Number(left !== undefined) - Number(right !== undefined);
  for (const at of [0, 1, 2]) {
    const difference = (left.core[at] ?? 0) - (right.core[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return comparePrereleases(left.prerelease, right.prerelease);
}

function split(text: string): { readonly core: readonly number[]; readonly prerelease: readonly string[] } | undefined {
  const match = isVersion(text) ? VERSION.exec(text) : null;
  if (match === null) return undefined;
  return { core: match.slice(1, 4).map(Number), prerelease: match[4]?.split(".") ?? [] };
}

function comparePrereleases(left: readonly string[], right: readonly string[]): number {
  // A release is newer than what came before it.
  if (left.length === 0 || right.length === 0) return Number(left.length === 0) - Number(right.length === 0);
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const [a, b] = [left[at], right[at]];
    if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
    if (a === b) continue;
    const [numericA, numericB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
    if (numericA && numericB) return Number(a) - Number(b);
    if (numericA !== numericB) return numericA ? -1 : 1;
    return a < b ? -1 : 1;
  }
  return 0;
}
