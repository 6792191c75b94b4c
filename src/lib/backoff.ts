import { millis, type Millis } from "../domain/units.ts";

export interface BackoffOptions {
  readonly initial: Millis;
  readonly max: Millis;
  /** Returns a number in [0, 1); `Math.random` unless given. */
  readonly random?: () => number;
}

/**
 * Delay before try `attempt` (0 is the first retry): exponential with full jitter, so that a fleet that lost its hub
 * together does not come back together. Never below a tenth of the ceiling, so that a retry is never immediate.
 */
export function backoffDelay(attempt: number, options: BackoffOptions): Millis {
  const ceiling = Math.min(options.max, options.initial * 2 ** Math.min(attempt, 30));
  const random = options.random ?? Math.random;
  return millis(Math.round(ceiling * (0.1 + 0.9 * random())));
}
