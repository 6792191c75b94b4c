// Rewrites cache entries with the code that V8 has optimised while components served their calls: at a quiet moment, once
// for each entry, one after another.

import { millis, seconds, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { planRewrite, type RewritePolicy } from "./plan-rewrite.ts";

/** A component that runs. */
export interface RewriteSubject {
  /** Calls that it has served, and calls that wait or run. */
  activity(): { readonly calls: number; readonly pending: number };
  /** Must not reject. */
  rewrite(calls: number): Promise<void>;
}

interface Watched {
  readonly subject: RewriteSubject;
  readyAt: Millis | undefined;
  done: boolean;
}

const INTERVAL = seconds(1);

export class Rewriter implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #policy: RewritePolicy;
  readonly #watched = new Set<Watched>();
  readonly #stop = new AbortController();
  #loop: Promise<void> | undefined;
  #calls = 0;
  #lastCall: Millis;
  #lastRewrite: Millis | undefined;

  constructor(clock: Clock, policy: RewritePolicy) {
    this.#clock = clock;
    this.#policy = policy;
    this.#lastCall = clock.monotonic();
  }

  /** `done`: its entry needs no rewriting; its calls are still a reason to wait. Disposing ends the watch. */
  watch(subject: RewriteSubject, done: boolean): Disposable {
    const watched: Watched = { subject, readyAt: undefined, done };
    this.#watched.add(watched);
    this.#loop ??= this.#run().finally(() => {
      this.#loop = undefined;
    });
    return { [Symbol.dispose]: () => void this.#watched.delete(watched) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#clock.sleep(INTERVAL, this.#stop.signal).catch(() => {});
      const open = [...this.#watched].filter(({ done }) => !done);
      if (this.#stop.signal.aborted || open.length === 0) return;
      const pending = this.#observe();
      const now = this.#clock.monotonic();
      const chosen = planRewrite(
        {
          candidates: open.map(({ readyAt }) => (readyAt === undefined ? undefined : millis(now - readyAt))),
          pending,
          idleFor: millis(now - this.#lastCall),
          sinceLast: this.#lastRewrite === undefined ? undefined : millis(now - this.#lastRewrite),
        },
        this.#policy,
      );
      const watched = chosen === undefined ? undefined : open[chosen];
      if (watched === undefined) continue;
      watched.done = true;
      await watched.subject.rewrite(watched.subject.activity().calls);
      this.#lastRewrite = this.#clock.monotonic();
    }
  }

  /** Notes who was called since the last time, and returns how many calls wait or run. */
  #observe(): number {
    const now = this.#clock.monotonic();
    let sum = 0;
    let allPending = 0;
    for (const watched of this.#watched) {
      const { calls, pending } = watched.subject.activity();
      sum += calls;
      allPending += pending;
      if (calls >= this.#policy.calls) watched.readyAt ??= now;
    }
    if (sum !== this.#calls) this.#lastCall = now;
    this.#calls = sum;
    return allPending;
  }
}
