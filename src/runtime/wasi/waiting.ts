// Waiting on behalf of a guest: what can be waited for, and wasi:io/poll over it.

/**
 * Suspends the guest until `resume` is called. `arm` begins the wait, must not resume at once, and returns what takes it
 * back: that is called when the instance is dropped, and then the promise never settles.
 */
export type Suspend = (arm: (resume: () => void) => () => void) => Promise<void>;

/** A condition that a guest may wait for. */
export interface Waitable {
  /** True when there is nothing to wait for: data, space, an end or a failure is there. */
  ready(): boolean;
  /**
   * Calls `wake` at most once, later, when it may have become ready; who is woken asks again. Returns what takes the
   * subscription back.
   */
  subscribe(wake: () => void): () => void;
  /** Set for what becomes ready by itself, whether or not the event loop turns. */
  readonly timer?: true;
}

export const READY: Waitable = { ready: () => true, subscribe: () => () => {} };

/** The subscribers of something that changes. */
export class Signal {
  /** Made for the first subscriber: most of what could be waited for never is. */
  #wakes: Set<() => void> | undefined;

  subscribe(wake: () => void): () => void {
    const wakes = (this.#wakes ??= new Set());
    wakes.add(wake);
    return () => wakes.delete(wake);
  }

  notify(): void {
    if (this.#wakes === undefined || this.#wakes.size === 0) return;
    const wakes = [...this.#wakes];
    this.#wakes.clear();
    for (const wake of wakes) wake();
  }
}

/** Undefined when one is ready, so that nothing is spent on a wait that is none. */
export function waitForAny(suspend: Suspend, waitables: readonly Waitable[]): Promise<void> | undefined {
  return waitables.some((one) => one.ready()) ? undefined : suspendForAny(suspend, waitables);
}

async function suspendForAny(suspend: Suspend, waitables: readonly Waitable[]): Promise<void> {
  do {
    await suspend((resume) => {
      let subscriptions: (() => void)[] = [];
      const cancel = (): void => {
        for (const unsubscribe of subscriptions) unsubscribe();
        subscriptions = [];
      };
      const wake = (): void => {
        cancel();
        resume();
      };
      subscriptions = waitables.map((one) => one.subscribe(wake));
      return cancel;
    });
  } while (!waitables.some((one) => one.ready()));
}

/** Lets the event loop take in what has arrived. */
function turnLoop(suspend: Suspend): Promise<void> {
  return suspend((resume) => {
    const immediate = setImmediate(resume);
    return () => clearImmediate(immediate);
  });
}

/** An instant of the monotonic clock, in nanoseconds. */
export function instant(at: bigint, now: () => bigint): Waitable {
  return {
    ready: () => at <= now(),
    timer: true,
    subscribe: (wake) => {
      const timer = setTimeout(wake, millisecondsUntil(at - now()));
      return () => clearTimeout(timer);
    },
  };
}

// Timers take at most 2^31 - 1 milliseconds; who waits longer is woken in between and waits again.
const LONGEST_TIMER = 2_147_483_647n;

/** Whole milliseconds that a timer has to run so that `nanoseconds` have passed. */
export function millisecondsUntil(nanoseconds: bigint): number {
  if (nanoseconds <= 0n) return 0;
  const milliseconds = (nanoseconds + 999_999n) / 1_000_000n;
  return Number(milliseconds < LONGEST_TIMER ? milliseconds : LONGEST_TIMER);
}

/** The resource `pollable`. */
export class Pollable {
  readonly #suspend: Suspend;
  readonly #waitable: Waitable;

  constructor(suspend: Suspend, waitable: Waitable) {
    this.#suspend = suspend;
    this.#waitable = waitable;
  }

  ready(): boolean {
    return this.#waitable.ready();
  }

  block(): Promise<void> | undefined {
    return waitForAny(this.#suspend, [this.#waitable]);
  }

  /** Which are ready, once at least one is. */
  static poll(pollables: readonly Pollable[]): Uint32Array | Promise<Uint32Array> {
    const [first] = pollables;
    if (first === undefined) throw new Error("poll of an empty list");
    const readyOnes = (): number[] => pollables.flatMap((one, index) => (one.ready() ? [index] : []));
    const atOnce = readyOnes();
    const waitables = pollables.map((one) => one.#waitable);
    if (atOnce.length === 0) {
      return suspendForAny(first.#suspend, waitables).then(() => Uint32Array.from(readyOnes()));
    }
    // A guest that polls with a timeout of zero, again and again, leaves no time for anything else to arrive.
    const starves = waitables.some((one) => one.timer !== true) && atOnce.every((at) => waitables[at]?.timer === true);
    if (!starves) return Uint32Array.from(atOnce);
    return turnLoop(first.#suspend).then(() => Uint32Array.from(readyOnes()));
  }
}
