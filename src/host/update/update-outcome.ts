import type { PetioleError } from "../../domain/errors.ts";
import type { StatusError, UpdateStatus } from "../../domain/status.ts";
import type { Millis } from "../../domain/units.ts";
import type { ComponentId, Digest } from "../../domain/workload.ts";

/** What became of a version that a component was given while it ran. */
export interface UpdateOutcome {
  readonly component: ComponentId;
  readonly outcome: "switched" | "accepted" | "refused" | "rolled-back";
  readonly digest: Digest | undefined;
  readonly error: PetioleError | undefined;
}

export interface UpdateFailure {
  readonly state: "refused" | "rolled-back";
  readonly digest: Digest | undefined;
  readonly error: PetioleError;
  readonly attempts: number;
}

export interface UpdateFacts {
  readonly running: Digest;
  /** Of the version that is kept ready during a trial. */
  readonly before: Digest | undefined;
  /** Undefined while there is no trial. */
  readonly trialLeft: Millis | undefined;
  /** Undefined while none is started. */
  readonly starting: { readonly digest: Digest | undefined } | undefined;
  readonly failure: UpdateFailure | undefined;
}

export function updateStatus(facts: UpdateFacts): UpdateStatus | undefined {
  const { running, before, trialLeft, starting, failure } = facts;
  if (trialLeft !== undefined) {
    return { state: "trial", from: before, to: running, left: Math.round(trialLeft / 1000), reason: undefined };
  }
  const base = { from: running, left: undefined };
  if (starting !== undefined) return { ...base, state: "starting", to: starting.digest, reason: undefined };
  if (failure === undefined) return undefined;
  return { ...base, state: failure.state, to: failure.digest, reason: shownError(failure.error) };
}

export const shownError = ({ code, message }: PetioleError): StatusError => ({ code, message });
