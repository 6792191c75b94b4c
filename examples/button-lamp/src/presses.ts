// Which presses a batch of edges tells of.

export interface Edge {
  readonly edge: "rising" | "falling";
  /** The host's count of the line's edges, dropped ones included. */
  readonly sequence: number;
}

export interface Batch {
  /** Oldest first, never empty. */
  readonly events: readonly Edge[];
  /** Edges that were dropped before the first event. */
  readonly lost: number;
}

/** Sequences of the edges that were presses, oldest first. Expects a line that reports both edges. */
export function pressesOf({ events, lost }: Batch): number[] {
  const presses = events.filter(({ edge }) => edge === "rising").map(({ sequence }) => sequence);
  const first = events[0];
  // A release proves the press before it. Other presses among the lost edges are not guessed.
  if (lost > 0 && first?.edge === "falling") presses.unshift(first.sequence - 1);
  return presses;
}
