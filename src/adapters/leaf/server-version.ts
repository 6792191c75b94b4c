/** A nats-server release. Pre-releases count as the release they lead to. */
export interface ServerVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** The oldest nats-server that petiole is tested with; Debian 12 ships it. */
export const FLOOR: ServerVersion = { major: 2, minor: 9, patch: 10 };

/** Reads `2.14.9`, `v2.10.26-RC.1` or the answer of `nats-server --version`. Undefined when there is no version in it. */
export function parseServerVersion(text: string): ServerVersion | undefined {
  const match = /(?:^|[\sv])(\d+)\.(\d+)\.(\d+)(?:[-+][0-9A-Za-z.+-]+)?\s*$/.exec(text);
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]) };
}

export function formatServerVersion(version: ServerVersion): string {
  return `${version.major}.${version.minor}.${version.patch}`;
}

/** True when `version` is `other` or later. */
export function isAtLeast(version: ServerVersion, other: ServerVersion): boolean {
  if (version.major !== other.major) return version.major > other.major;
  if (version.minor !== other.minor) return version.minor > other.minor;
  return version.patch >= other.patch;
}

/** First release that understands each option of a leaf remote which the floor does not have. */
const FIRST_RELEASE = {
  firstInfoTimeout: { major: 2, minor: 10, patch: 26 },
  dialTimeout: { major: 2, minor: 14, patch: 5 },
  compression: { major: 2, minor: 10, patch: 0 },
  handshakeFirst: { major: 2, minor: 10, patch: 0 },
  nkeyRemote: { major: 2, minor: 11, patch: 0 },
  /** The pause between tries may be written with its unit; seen in this release, perhaps in earlier ones. */
  reconnectDuration: { major: 2, minor: 14, patch: 0 },
  /** Remotes are switched off and on by a reload of the configuration. */
  remoteReload: { major: 2, minor: 14, patch: 0 },
} as const satisfies Record<string, ServerVersion>;

export type LeafFeature = keyof typeof FIRST_RELEASE;

export function supports(version: ServerVersion, feature: LeafFeature): boolean {
  return isAtLeast(version, FIRST_RELEASE[feature]);
}

export function firstRelease(feature: LeafFeature): ServerVersion {
  return FIRST_RELEASE[feature];
}
