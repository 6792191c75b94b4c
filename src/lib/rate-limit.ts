export interface RateLimitOptions {
  /** Allowed at once after a quiet time. */
  readonly burst: number;
  readonly perSecond: number;
}

/** Lets `perSecond` pass on average and counts what it holds back. Time comes with each call, in milliseconds. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  #tokens: number;
  #at: number | undefined;
  #suppressed = 0;

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#tokens = options.burst;
  }

  /** Undefined when this one is held back, else how many were since the last that passed. */
  take(now: number): number | undefined {
    const elapsed = this.#at === undefined ? 0 : Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.#options.burst, this.#tokens + (elapsed / 1000) * this.#options.perSecond);
    if (this.#tokens < 1) {
      this.#suppressed++;
      return undefined;
    }
    this.#tokens--;
    const suppressed = this.#suppressed;
    this.#suppressed = 0;
    return suppressed;
  }
}
