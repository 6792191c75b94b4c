import { millis, type Millis } from "../domain/units.ts";

/** What is known of a turn when its time may be up; see worker/turns.ts. */
export interface TurnFacts {
  readonly turn: number;
  readonly deadline: Millis;
  /** Nanoseconds of the monotonic clock. */
  readonly now: bigint;
  /** When the guest began it; undefined when it has not. */
  readonly startedAt: bigint | undefined;
  /** The turn whose guest code the worker executes now, 0 for none. */
  readonly current: number;
}

export type TurnVerdict =
  /** Its time is not up; look again then. */
  | { readonly kind: "wait"; readonly duration: Millis }
  /** Its own code keeps the worker busy: only ending the worker ends it. */
  | { readonly kind: "stop-worker" }
  /** It waits for a capability, or for its turn to go on: the worker is not at fault. */
  | { readonly kind: "discard-instance" };

// How late the end of a turn may be noticed that began late.
const UNSTARTED_CHECK = millis(25);

/** A turn's time runs from when it began in the guest, so who has to wait for another's turn loses nothing. */
export function judgeTurn(facts: TurnFacts): TurnVerdict {
  const { turn, deadline, now, startedAt, current } = facts;
  if (startedAt === undefined) return { kind: "wait", duration: millis(Math.min(deadline, UNSTARTED_CHECK)) };
  const left = deadline - Number(now - startedAt) / 1e6;
  if (left > 0) return { kind: "wait", duration: millis(Math.ceil(left)) };
  return { kind: current === turn ? "stop-worker" : "discard-instance" };
}
