// Starting takes more memory than running: when the agent has been quiet after it, what is left over is given back.

import { seconds } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";

/** What comes after a start, such as the first calls, is part of it. */
const QUIET = seconds(5);
/** V8 drops the compiled code of functions that several collections in a row found unused; each is a short pause. */
const ROUNDS = 3;
const BETWEEN = seconds(1);

export interface Settling extends Disposable {
  /** Something was started. */
  stir(): void;
}

export interface SettlingDeps {
  /** Gives memory back, of every thread. */
  readonly release: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createSettling({ release, clock, log }: SettlingDeps): Settling {
  let waiting = new AbortController();
  const settle = async (signal: AbortSignal): Promise<void> => {
    await clock.sleep(QUIET, signal);
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round > 0) await clock.sleep(BETWEEN, signal);
      await release();
    }
    log.debug("Gave back the memory that starting took");
  };
  return {
    stir() {
      waiting.abort();
      waiting = new AbortController();
      const { signal } = waiting;
      settle(signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn("Cannot give memory back", { reason: reasonOf(error) });
      });
    },
    [Symbol.dispose]: () => waiting.abort(),
  };
}
