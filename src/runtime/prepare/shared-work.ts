/**
 * Work that several may wait for: it is done once per key at a time, and goes on until it is done or everyone who
 * waits for it has given up.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, { waiting: number; readonly stop: AbortController; readonly done: Promise<T> }>();

  /** Rejects with the signal's reason when aborted, else with what the work failed with. */
  async run(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    let shared = this.#running.get(key);
    if (shared === undefined) {
      const stop = new AbortController();
      const done = work(stop.signal).finally(() => this.#running.delete(key));
      // Whoever waits sees the failure; when nobody does any more, nobody is to be told.
      done.catch(() => {});
      shared = { waiting: 0, stop, done };
      this.#running.set(key, shared);
    }
    const current = shared;
    current.waiting++;
    try {
      return await raceAbort(current.done, signal);
    } finally {
      current.waiting--;
      if (current.waiting === 0 && this.#running.get(key) === current) {
        // Who comes now starts anew and does not join work that is being stopped.
        this.#running.delete(key);
        current.stop.abort(signal.reason);
      }
    }
  }
}

async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
