import type { Overflow } from "./config.ts";

export interface Batch<T> {
  /** Oldest first, never empty. */
  readonly events: readonly T[];
  /** Edges that were dropped before the first of them and after the batch before. */
  readonly lost: number;
}

/** Edges of one line that wait for one component, with what was dropped counted where it was dropped. */
export interface EdgeRing<T> {
  readonly empty: boolean;
  /** `lost` edges were dropped before this one, on their way here. */
  push(event: T, lost: number): void;
  /** Takes up to `max` edges; a batch ends before a gap, so that each gap is told of. */
  take(max: number): Batch<T> | undefined;
  /** What was taken did not arrive: it counts as lost before what comes next. */
  restore(batch: Batch<T>): void;
}

interface Item<T> {
  readonly event: T;
  lost: number;
}

/** `onDrop` counts what the policy drops. */
export function createEdgeRing<T>(
  limit: number,
  overflow: Overflow,
  onDrop: (count: number) => void = () => {},
): EdgeRing<T> {
  const items: Item<T>[] = [];
  /** Dropped since the last edge that was kept. */
  let pending = 0;

  const addLost = (count: number): void => {
    const [first] = items;
    if (first === undefined) pending += count;
    else first.lost += count;
  };

  const dropOldest = (): void => {
    const dropped = items.shift();
    if (dropped === undefined) return;
    addLost(dropped.lost + 1);
    onDrop(1);
  };

  return {
    get empty() {
      return items.length === 0;
    },
    push(event, lost) {
      pending += lost;
      if (overflow === "drop-newest" && items.length >= limit) {
        pending += 1;
        onDrop(1);
        return;
      }
      items.push({ event, lost: pending });
      pending = 0;
      const room = overflow === "latest" && items.length > limit ? 1 : limit;
      while (items.length > room) dropOldest();
    },
    take(max) {
      const [first] = items;
      if (first === undefined) return undefined;
      const gap = items.findIndex((item, i) => i > 0 && item.lost > 0);
      const count = Math.min(max, gap < 0 ? items.length : gap);
      return { events: items.splice(0, count).map(({ event }) => event), lost: first.lost };
    },
    restore: ({ events, lost }) => addLost(events.length + lost),
  };
}
