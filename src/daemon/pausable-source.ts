import { LANES, type Lane } from "../domain/outbox.ts";
import type { OutboxSource } from "../host/ports.ts";

/** What a forwarder reads from, with a tap. */
export interface PausableSource {
  readonly source: OutboxSource;
  pause(): void;
  resume(): void;
}

/** While it is paused, nothing is there to be read; what was read before can be acknowledged. */
export function createPausableSource(source: OutboxSource): PausableSource {
  const listeners = new Set<(lane: Lane) => void>();
  let paused = false;
  const isPaused = (): boolean => paused;
  return {
    source: {
      ...source,
      read: async (...args) => {
        if (paused) return [];
        const rows = await source.read(...args);
        // The tap may have been closed while they were on their way.
        return isPaused() ? [] : rows;
      },
      onReadable: (listener) => {
        listeners.add(listener);
        const inner = source.onReadable(listener);
        return {
          [Symbol.dispose]: () => {
            listeners.delete(listener);
            inner[Symbol.dispose]();
          },
        };
      },
    },
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      for (const listener of listeners) for (const lane of LANES) listener(lane);
    },
  };
}
