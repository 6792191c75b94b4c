import type { Edge, LineEvent } from "./backend.ts";

const WRAP = 2 ** 32;
/** The kernel hands out so many edges in one read at most, as long as a reader's buffer usually is. */
const READ = 64;

/** Edges of a request, as the kernel keeps them: bounded, the oldest go first, numbers go on over what was dropped. */
export interface EventBuffer {
  push(offset: number, edge: Edge, timestamp: bigint): void;
  read(): readonly LineEvent[];
}

export function createEventBuffer(limit: number): EventBuffer {
  const events: LineEvent[] = [];
  const sequences = new Map<number, number>();
  let sequence = 0;
  return {
    push(offset, edge, timestamp) {
      const lineSequence = ((sequences.get(offset) ?? 0) + 1) % WRAP;
      sequences.set(offset, lineSequence);
      sequence = (sequence + 1) % WRAP;
      if (events.length >= limit) events.shift();
      events.push({ offset, edge, timestamp, sequence, lineSequence });
    },
    read: () => events.splice(0, READ),
  };
}
