import type { Lane } from "../../domain/outbox.ts";
import type { Logger } from "../../lib/log.ts";

/** Those who want to know that rows became readable. */
export interface Readers {
  add(listener: (lane: Lane) => void): Disposable;
  /** A listener that throws does not keep the others from being called. */
  notify(lanes: readonly Lane[]): void;
}

export function createReaders(log: Logger): Readers {
  const listeners = new Set<{ readonly call: (lane: Lane) => void }>();
  return {
    add: (call) => {
      const entry = { call };
      listeners.add(entry);
      return { [Symbol.dispose]: () => void listeners.delete(entry) };
    },
    notify: (lanes) => {
      for (const lane of lanes) {
        for (const { call } of listeners) {
          try {
            call(lane);
          } catch (error) {
            log.error("A reader of the outbox failed on a notification", { err: error, lane });
          }
        }
      }
    },
  };
}
