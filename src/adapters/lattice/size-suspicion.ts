// A hub behind a leaf may take smaller messages than the leaf does. It then ends the leaf's connection without a word,
// and the message that caused it would be sent again for ever. Pure: counts the evidence against one message.

/** Tries in which a message alone got no answer, before its size is suspected. */
const STRIKES_TO_SUSPECT = 2;
/** Harmless requests of its size that got no answer, each right after a small one did, before it is refused. */
const PROBES_TO_REFUSE = 2;

export interface SizeSuspicion {
  /** A try without any progress ended while `seq` alone was in flight. */
  strike(seq: number): void;
  /** True when a request of its size should be tried before `seq` is sent again. */
  suspects(seq: number): boolean;
  /** Records such a request; returns true when `seq` must be given up. */
  probed(seq: number, answered: boolean): boolean;
  clear(): void;
}

export function createSizeSuspicion(): SizeSuspicion {
  let suspect: { readonly seq: number; readonly strikes: number; readonly probes: number } | undefined;
  return {
    strike: (seq) => {
      suspect = suspect?.seq === seq ? { ...suspect, strikes: suspect.strikes + 1 } : { seq, strikes: 1, probes: 0 };
    },
    suspects: (seq) => suspect?.seq === seq && suspect.strikes >= STRIKES_TO_SUSPECT,
    probed: (seq, answered) => {
      if (answered || suspect?.seq !== seq) {
        suspect = undefined;
        return false;
      }
      suspect = { ...suspect, probes: suspect.probes + 1 };
      return suspect.probes >= PROBES_TO_REFUSE;
    },
    clear: () => {
      suspect = undefined;
    },
  };
}
