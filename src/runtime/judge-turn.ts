import { millis, type Millis } from "../domain/units.ts";

/** What is known of an instance that has a turn; see worker/cells.ts. */
export interface TurnFacts {
  readonly deadline: Millis;
  /** Since the turn began. */
  readonly elapsed: Millis;
  /** The worker executes code of this instance now. */
  readonly computing: boolean;
  /** The worker executes code of another instance now. */
  readonly blocked: boolean;
  /** It could go on, were it not for the others: no capability is to answer it. */
  readonly answered: boolean;
  /** For how long of the turn it could not go on for that reason. */
  readonly heldOff: Millis;
  /** Since the worker was told to end the instance; undefined when it was not. */
  readonly expiredFor: Millis | undefined;
}

export type TurnVerdict =
  /** Its time is not up, or another one's is to be judged first; look again then. */
  | { readonly kind: "wait"; readonly duration: Millis }
  /** Its code keeps the worker busy: only ending the worker ends it. */
  | { readonly kind: "stop-worker" }
  /** It waits for a capability: the worker is not at fault. */
  | { readonly kind: "expire" };

// How soon to look again when another instance holds the worker, whose own time is running.
const BLOCKED_CHECK = millis(25);
// A worker that collects garbage or starts up answers late.
const MIN_GRACE = 1000;

/** A turn's time runs from when it began in the guest, so who has to wait for another's turn loses nothing. */
export function judgeTurn(facts: TurnFacts): TurnVerdict {
  const { deadline, elapsed, computing, blocked, answered, heldOff, expiredFor } = facts;
  if (elapsed >= deadline && blocked && answered && expiredFor === undefined) {
    return { kind: "wait", duration: BLOCKED_CHECK };
  }
  const left = deadline - elapsed + heldOff;
  if (left > 0) return { kind: "wait", duration: millis(Math.ceil(left)) };
  if (computing) return { kind: "stop-worker" };
  if (expiredFor === undefined) return { kind: "expire" };
  // It was told to end it, and does not get around to it. Code that waits again and again, never for long, does that.
  const grace = Math.max(deadline, MIN_GRACE) - expiredFor;
  if (grace > 0) return { kind: "wait", duration: millis(Math.ceil(grace)) };
  return blocked ? { kind: "wait", duration: BLOCKED_CHECK } : { kind: "stop-worker" };
}
