import { millis, seconds } from "../domain/units.ts";
import type { ForwarderState } from "../domain/outbox-report.ts";
import type { ForwarderControl } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { PausableSource } from "./pausable-source.ts";

export interface ForwarderControlDeps {
  readonly tap: PausableSource;
  readonly forwarder: { state(): ForwarderState; nudge(): void };
  readonly clock: Clock;
}

/** A lane asks the hub what it has after this long without an answer, and then knows. */
const SETTLE_LIMIT = seconds(20);
const POLL = millis(20);

/** Pauses a forwarder from outside, by taking its rows away. */
export function createForwarderControl({ tap, forwarder, clock }: ForwarderControlDeps): ForwarderControl {
  return {
    async pause() {
      tap.pause();
      const end = clock.monotonic() + SETTLE_LIMIT;
      const settled = (): boolean => forwarder.state().lanes.every(({ inFlight }) => inFlight === 0);
      // What was read just before is sent, and counted, by then.
      do await clock.sleep(POLL);
      while (!settled() && clock.monotonic() < end);
    },
    resume: () => tap.resume(),
    // This forwarder has no limit of its rate; what it may wait for is the next try.
    lift: () => forwarder.nudge(),
    state: () => forwarder.state(),
  };
}
