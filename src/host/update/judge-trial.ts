// Whether a version on trial has to go. Pure.

import type { UpdatePolicy } from "../../domain/workload.ts";

export interface TrialFacts {
  /** Calls that failed through the component's own fault, and what the last of them failed with. */
  readonly failures: number;
  readonly lastFailure: string | undefined;
  /** The runtime holds new instances back, as they fail again and again. */
  readonly degraded: boolean;
  /** Bytes of linear memory of an instance; undefined while there is none. */
  readonly memory: number | undefined;
  /** The same of the version before, when it was replaced. */
  readonly before: number;
}

/** Why it has to go; undefined while it does not. */
export function judgeTrial(
  facts: TrialFacts,
  policy: Pick<UpdatePolicy, "maxFailures" | "maxGrowth">,
): string | undefined {
  const { failures, lastFailure, degraded, memory, before } = facts;
  const last = lastFailure === undefined ? "" : `, the last one with: ${lastFailure}`;
  if (failures > policy.maxFailures)
    return `${count(failures, "call")} failed, want at most ${policy.maxFailures}${last}`;
  if (degraded) return `it fails again and again${last}`;
  if (memory !== undefined && memory - before > policy.maxGrowth) {
    return `an instance has ${memory} bytes of memory where the version before had ${before}, want at most ${policy.maxGrowth} more`;
  }
  return undefined;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
