// Which of two stores counted what, told from the answers alone.

/** What a store had when nobody asked, and what the requests since then were answered. */
export interface Tally {
  /** The count of the store that answered at first. */
  readonly before: number;
  /** Each request added 1 and was told the count. */
  readonly answers: readonly number[];
  /** The count of the store that answers now; undefined when it is the same one. */
  readonly now?: number;
}

/**
 * The last count of the store that answered at first. Throws unless the answers are exactly those of two stores that counted one
 * after another, the second from 1 on: no count left out, none given twice.
 */
export function lastCount({ before, answers, now = 0 }: Tally): number {
  const last = before + answers.length - now;
  const wanted = [...range(before + 1, last), ...range(1, now)].sort((a, b) => a - b);
  const found = [...answers].sort((a, b) => a - b);
  const wrong = found.findIndex((count, index) => count !== wanted[index]);
  if (wrong >= 0 || found.length !== wanted.length) {
    throw new Error(
      `The answers are not those of one count after another: found ${found[wrong]}, want ${wanted[wrong]} ` +
        `(${answers.length} requests, from ${before} to ${last}, then from 1 to ${now})`,
    );
  }
  return last;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
