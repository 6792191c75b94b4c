/** How long the last steps of a kind took, in milliseconds. */
export interface Durations {
  add(ms: number): void;
  /** Median and 99th percentile; undefined before the first. */
  summary(): { readonly p50: number; readonly p99: number } | undefined;
}

const KEPT = 512;

export function createDurations(): Durations {
  const ring: number[] = [];
  let next = 0;
  return {
    add: (ms) => {
      ring[next] = ms;
      next = (next + 1) % KEPT;
    },
    summary: () => {
      const sorted = ring.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      return sorted.length === 0 ? undefined : { p50: at(0.5), p99: at(0.99) };
    },
  };
}
