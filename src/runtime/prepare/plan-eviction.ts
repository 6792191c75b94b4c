export interface StoredEntry {
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
}

/** The entries to remove, longest unused first, so that the rest has at most `quota` bytes. */
export function planEviction(entries: readonly StoredEntry[], quota: number): readonly string[] {
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  const surplus: string[] = [];
  for (const { name, size } of entries.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= quota) break;
    surplus.push(name);
    total -= size;
  }
  return surplus;
}
