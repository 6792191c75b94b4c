import { millis, minutes, seconds, type Millis } from "../../domain/units.ts";

/** When the code that V8 has optimised by now is worth keeping, and nobody is in a hurry. */
export interface RewritePolicy {
  /** Calls after which what is called often has been optimised. */
  readonly calls: number;
  /** How long no component was called. */
  readonly idle: Millis;
  /** A component that is called all the time is idle for no longer than between two calls: enough after this. */
  readonly patience: Millis;
  /** Between two rewrites, whichever components they are of. */
  readonly pause: Millis;
}

export const REWRITE_POLICY: RewritePolicy = {
  calls: 500,
  idle: seconds(2),
  patience: minutes(5),
  pause: seconds(30),
};

export interface RewriteState {
  /**
   * Components that were not rewritten yet: how long ago each had served enough calls, undefined when it has not.
   */
  readonly candidates: readonly (Millis | undefined)[];
  /** Calls that wait or run, of all components. */
  readonly pending: number;
  /** Since the last call of any component. */
  readonly idleFor: Millis;
  /** Since the last rewrite; undefined when there was none. */
  readonly sinceLast: Millis | undefined;
}

/** The candidate to rewrite now, by its place in the list. */
export function planRewrite(state: RewriteState, policy: RewritePolicy): number | undefined {
  const { candidates, pending, idleFor, sinceLast } = state;
  if (pending > 0 || (sinceLast !== undefined && sinceLast < policy.pause)) return undefined;
  let best: number | undefined;
  let longest = millis(-1);
  for (const [index, readyFor] of candidates.entries()) {
    if (readyFor === undefined || readyFor <= longest) continue;
    if (idleFor < policy.idle && readyFor < policy.patience) continue;
    best = index;
    longest = readyFor;
  }
  return best;
}
