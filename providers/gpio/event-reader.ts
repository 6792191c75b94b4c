import type { LineEvent } from "./backend.ts";
import type { EventBuffer } from "./event-buffer.ts";

export interface EventReader {
  /** Edges are in the buffer. */
  readonly wake: () => void;
  readonly listen: (listener: (events: readonly LineEvent[]) => void) => void;
  readonly end: () => void;
}

/** Reads as an event loop does: in a later turn, so that a burst within one turn meets the buffer's bound. */
export function createEventReader(buffer: EventBuffer): EventReader {
  let listener: ((events: readonly LineEvent[]) => void) | undefined;
  let scheduled = false;

  const readAll = (): void => {
    const events = buffer.read();
    scheduled = events.length > 0 && listener !== undefined;
    if (!scheduled) return;
    listener?.(events);
    readAll();
  };
  const wake = (): void => {
    if (scheduled || listener === undefined) return;
    scheduled = true;
    setImmediate(readAll);
  };
  return {
    wake,
    listen: (next) => {
      listener = next;
      wake();
    },
    end: () => {
      listener = undefined;
    },
  };
}
