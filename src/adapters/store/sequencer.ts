/** Gives out sequences: device-wide, growing, none twice. */
export interface Sequencer {
  next(): number;
  /** Sequences up to `seq` are used, whoever used them. */
  raise(seq: number): void;
  readonly last: number;
}

export function createSequencer(start: number): Sequencer {
  let last = start;
  return {
    next: () => {
      last += 1;
      return last;
    },
    raise: (seq) => {
      last = Math.max(last, seq);
    },
    get last() {
      return last;
    },
  };
}
