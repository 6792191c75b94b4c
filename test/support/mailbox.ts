/** What arrived, for tests that wait for it. */
export interface Mailbox<T> {
  readonly all: readonly T[];
  put(item: T): void;
  /** Waits until `count` items have arrived, and returns all. */
  waitFor(count: number): Promise<readonly T[]>;
  /** Waits for an item that fits, also among those that have arrived. */
  find(fits: (item: T) => boolean): Promise<T>;
}

export function createMailbox<T>(): Mailbox<T> {
  const all: T[] = [];
  let wake = Promise.withResolvers<void>();
  return {
    all,
    put(item) {
      all.push(item);
      wake.resolve();
      wake = Promise.withResolvers();
    },
    async waitFor(count) {
      while (all.length < count) await wake.promise;
      return all;
    },
    async find(fits) {
      for (;;) {
        const found = all.find(fits);
        if (found !== undefined) return found;
        await wake.promise;
      }
    },
  };
}
