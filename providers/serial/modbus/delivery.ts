import type { Logger } from "#provider";

export interface DeliveryDeps<T> {
  /** Items that may wait. */
  readonly limit: number;
  readonly log: Logger;
  readonly handle: (item: T, lost: number) => Promise<unknown>;
}

/** Items for one component: in order, one call at a time, the oldest dropped and counted when too many wait. */
export interface Delivery<T> extends AsyncDisposable {
  put(item: T): void;
}

export function createDelivery<T>({ limit, log, handle }: DeliveryDeps<T>): Delivery<T> {
  const items: T[] = [];
  let lost = 0;
  let running: Promise<void> | undefined;
  let hasEnded = false;

  const run = async (): Promise<void> => {
    for (let item = items.shift(); item !== undefined; item = items.shift()) {
      const before = lost;
      lost = 0;
      try {
        await handle(item, before);
      } catch (err) {
        // A reading is past: the failure is on record, and the next one follows.
        log.error("Component failed on readings", { err });
      }
    }
    running = undefined;
  };

  return {
    put(item) {
      if (hasEnded) return;
      if (items.length >= limit) {
        items.shift();
        lost += 1;
      }
      items.push(item);
      running ??= Promise.resolve().then(run);
    },
    async [Symbol.asyncDispose]() {
      hasEnded = true;
      items.length = 0;
      await running;
    },
  };
}
