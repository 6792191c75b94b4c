const WRAP = 2 ** 32;

/** Continues the kernel's sequence numbers of 32 bits beyond their end, and tells of gaps. */
export interface Sequence {
  /** Takes the number of the next edge that arrived. */
  next(lineSequence: number): { readonly sequence: bigint; readonly lost: number };
  /** The kernel begins to count from 1 again; what was lost meanwhile nobody knows. */
  restart(): void;
}

export function createSequence(): Sequence {
  let sequence = 0n;
  let last = 0;
  return {
    next(lineSequence) {
      const step = (lineSequence - last + WRAP) % WRAP;
      last = lineSequence;
      sequence += BigInt(step);
      return { sequence, lost: Math.max(0, step - 1) };
    },
    restart() {
      last = 0;
    },
  };
}
