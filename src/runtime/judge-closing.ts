import { millis, type Millis } from "../domain/units.ts";
import type { SlotVerdict } from "./worker-slot.ts";

/** What is known of a group that the worker was told to close, and that it has not closed yet. */
export interface ClosingFacts {
  /** Since the worker was told. */
  readonly closingFor: Millis;
  /** The worker executes code of the group now. */
  readonly computing: boolean;
  /** The worker executes code of another group now, whose own time is running. */
  readonly blocked: boolean;
}

/** How long code that nobody wants any more may go on. Its neighbours may lose calls when it is ended. */
export const CLOSE_GRACE = millis(250);
// A worker that starts up has nothing to say for as long as that takes.
const SILENCE = millis(10_000);
// How soon to look again at a worker that does something else.
const CHECK = millis(25);

/** Ends the worker for a group that cannot be closed otherwise. */
export function judgeClosing({ closingFor, computing, blocked }: ClosingFacts): SlotVerdict {
  const left = CLOSE_GRACE - closingFor;
  if (left > 0) return { kind: "wait", duration: millis(Math.ceil(left)) };
  if (computing || (closingFor >= SILENCE && !blocked)) return { kind: "stop-worker" };
  return { kind: "wait", duration: CHECK };
}
