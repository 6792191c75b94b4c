import { millis, type Millis } from "../domain/units.ts";

// How much of its share a component may save up and spend at once.
const WINDOW = 5000;

/**
 * A bucket of computing time that fills at `share` of the time that passes. It may be overdrawn, by a call that turned
 * out long; then nothing is to begin until that is paid back. Time comes with each call, in milliseconds.
 */
export class CpuShare {
  readonly #share: number;
  #saved: number;
  #at: number;

  constructor(share: number, now: number) {
    this.#share = share;
    this.#saved = share * WINDOW;
    this.#at = now;
  }

  /** `computed` milliseconds were spent, the last of them by now. */
  charge(computed: number, now: number): void {
    const elapsed = Math.max(0, now - this.#at);
    this.#at = now;
    // The bound holds for what was saved up before, not for what comes in while it is spent.
    const idle = Math.max(0, elapsed - computed);
    this.#saved = Math.min(this.#share * WINDOW, this.#saved + idle * this.#share);
    this.#saved += (elapsed - idle) * this.#share - computed;
  }

  /** How long to wait before the next call begins; 0 when it may at once. */
  wait(now: number): Millis {
    const saved = this.#saved + Math.max(0, now - this.#at) * this.#share;
    return millis(saved >= 0 ? 0 : Math.ceil(-saved / this.#share));
  }
}
