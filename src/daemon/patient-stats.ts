import type { OutboxStats } from "../domain/outbox.ts";
import { millis, type Millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import type { Outbox } from "../provider/services.ts";

export interface PatientStatsDeps {
  readonly outbox: Pick<Outbox, "stats">;
  readonly clock: Clock;
  /** How long the store may take to answer. */
  readonly patience?: Millis;
}

/**
 * Statistics of the outbox for whoever watches the agent. The store answers behind the commit that it is at, and on a
 * slow disk that takes seconds: then this is what the store said last, so that an agent that waits for its disk does
 * not look like one that hangs. Only the first call waits for the store in any case.
 */
export function createPatientStats({ outbox, clock, patience = millis(500) }: PatientStatsDeps): Outbox["stats"] {
  let known: OutboxStats | undefined;
  return async () => {
    const answer = outbox.stats().then((stats) => (known = stats));
    if (known === undefined) return await answer;
    const earlier = known;
    const cancel = new AbortController();
    const wait = clock.sleep(patience, cancel.signal).then(() => earlier);
    try {
      return await Promise.race([answer, wait]);
    } finally {
      cancel.abort();
      // Whichever comes second is nobody's any more.
      answer.catch(() => {});
      wait.catch(() => {});
    }
  };
}
