// Whether a version on trial has proved itself. Pure.

import type { HubLink } from "../../domain/hub-link.ts";
import type { Millis } from "../../domain/units.ts";

export interface StartFacts {
  /** Since everything local had its first try. */
  readonly ready: Millis;
  readonly store: "disk" | "memory";
  readonly link: HubLink;
  /** Components that ran before the update and do not run now. */
  readonly missing: readonly string[];
}

export interface StartLimits {
  /** How long everything has to be well. */
  readonly settle: Millis;
  /** How long a link is waited for: a device without one has to be able to update from a file. */
  readonly offlineGrace: Millis;
  /** How long anything is waited for. */
  readonly limit: Millis;
}

export type StartVerdict =
  | { readonly kind: "well" }
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string };

export function judgeStart({ ready, store, link, missing }: StartFacts, limits: StartLimits): StartVerdict {
  const reason = whatIsMissing();
  return reason === undefined ? { kind: "well" } : judgeFault(ready, reason, limits);

  function whatIsMissing(): string | undefined {
    if (store === "memory") return "its store is not on the disk";
    if (missing.length > 0) return `these do not run, and did before: ${missing.join(", ")}`;
    if (ready < limits.settle) return "it has not run long enough";
    const isLinked = link === "online" || link === "disabled";
    return isLinked || ready >= limits.offlineGrace ? undefined : `the hub is ${link}`;
  }
}

/** The same of a version that something keeps from being well. */
export function judgeFault(ready: Millis, reason: string, { limit }: StartLimits): StartVerdict {
  return ready < limit ? { kind: "wait", reason } : { kind: "failed", reason: `after ${ready / 1000} s ${reason}` };
}
