import { millis } from "../domain/units.ts";
import type { Clock } from "../lib/clock.ts";
import { NO_BREACHES, type ComponentEvent, type LimitName } from "./contract.ts";

const INTERVAL = millis(1000);

interface Pending {
  /** Breaches that no event has told of. */
  count: number;
  /** True while no further event may be sent. */
  quiet: boolean;
}

/** Counts how often limits are reached, and tells of it at most once a second for each. */
export class Breaches {
  readonly #clock: Clock;
  readonly #onEvent: (event: ComponentEvent) => void;
  readonly #stop: AbortSignal;
  readonly #pending = new Map<LimitName, Pending>();
  readonly #counts: Record<LimitName, number> = { ...NO_BREACHES };

  constructor(clock: Clock, onEvent: (event: ComponentEvent) => void, stop: AbortSignal) {
    this.#clock = clock;
    this.#onEvent = onEvent;
    this.#stop = stop;
  }

  get counts(): Readonly<Record<LimitName, number>> {
    return { ...this.#counts };
  }

  add(limit: LimitName, count = 1): void {
    this.#counts[limit] += count;
    const pending = this.#pending.get(limit) ?? { count: 0, quiet: false };
    this.#pending.set(limit, pending);
    pending.count += count;
    if (!pending.quiet) this.#tell(limit, pending);
  }

  #tell(limit: LimitName, pending: Pending): void {
    const { count } = pending;
    pending.count = 0;
    pending.quiet = true;
    this.#onEvent({ kind: "limit-reached", limit, count });
    this.#clock.sleep(INTERVAL, this.#stop).then(
      () => {
        pending.quiet = false;
        if (pending.count > 0) this.#tell(limit, pending);
      },
      () => {}, // The component was stopped.
    );
  }
}
