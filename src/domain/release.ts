// Releases of petiole itself: what one is called, and what a device says of the versions that it has.

import type { Digest } from "./workload.ts";

/** Kinds of machines that there are releases for. */
export const RELEASE_TARGETS = ["linux-arm64", "linux-x64"] as const;
export type ReleaseTarget = (typeof RELEASE_TARGETS)[number];

/** As Node names architectures. */
export function releaseTargetOf(arch: string): ReleaseTarget | undefined {
  return RELEASE_TARGETS.find((target) => target === `linux-${arch}`);
}

const NAME = "petiole/";

/** The name that a release is signed for. No component has one with a slash and no colon. */
export const releaseName = (target: ReleaseTarget): string => `${NAME}${target}`;

/** The target of a release of that name; undefined when it is none. */
export function targetOfName(name: string): string | undefined {
  return name.startsWith(NAME) ? name.slice(NAME.length) : undefined;
}

/** A version that is not to run again, and why. */
export interface BadRelease {
  readonly version: string;
  readonly reason: string;
}

/** What `petiole agent versions` shows. */
export interface AgentVersions {
  /** Version of the agent that answers. */
  readonly running: string;
  /** Whether it is the packaged one. */
  readonly isPackaged: boolean;
  /** The packaged version, as far as it is known. */
  readonly packaged: string | undefined;
  /** What a rollback would start; undefined stands for the packaged one. */
  readonly previous: string | undefined;
  /** How often the running version was started on trial; undefined when it is not on trial. */
  readonly trial: { readonly starts: number; readonly waitsFor: string } | undefined;
  readonly installed: readonly string[];
  readonly bad: readonly BadRelease[];
  /** Why it cannot update itself; undefined when it can. */
  readonly unavailable: string | undefined;
  /** What the hub's document asks for, and what became of it. */
  readonly wanted: WantedRelease | undefined;
}

export interface WantedRelease {
  readonly version: string;
  readonly release: string;
  /** `waiting`: for the maintenance window, or until it can be fetched. */
  readonly state: "current" | "waiting" | "installing" | "refused";
  readonly reason: string | undefined;
}

/** What an installation, or a dry run of one, found. */
export interface UpdateAnswer {
  readonly from: string;
  readonly to: string;
  readonly digest: Digest;
  readonly size: number;
  /** Names of the keys that vouch for it. */
  readonly signers: readonly string[];
  /** `current`: it runs already. `started`: the agent ends, and starts again as the new version. */
  readonly outcome: "current" | "would-start" | "started";
}
