import type { Bytes, Millis } from "../../domain/units.ts";
import { costOf, type RowRecord } from "./row.ts";

/**
 * Rows that the hub acknowledged before they were written: held in memory for as long as the others are held on disk,
 * or until there are too many.
 */
export interface HeldRows {
  /** Oldest first, and newer than what is held. */
  add(rows: readonly RowRecord[], now: Millis): void;
  /** Takes out everything above `seq`, oldest first. */
  takeAbove(seq: number): RowRecord[];
  /** Rows up to here are not held any more. */
  readonly gone: number;
}

interface Held {
  readonly row: RowRecord;
  readonly cost: number;
  readonly at: Millis;
}

/** Places in front of the oldest row that are given back together. */
const SLACK = 1024;

export function createHeldRows({ hold, maxBytes }: { readonly hold: Millis; readonly maxBytes: Bytes }): HeldRows {
  let held: Held[] = [];
  let first = 0;
  let bytes = 0;
  let gone = 0;
  return {
    add: (rows, now) => {
      for (const row of rows) {
        const cost = costOf(row);
        held.push({ row, cost, at: now });
        bytes += cost;
      }
      for (let oldest = held[first]; oldest !== undefined; oldest = held[first]) {
        if (bytes <= maxBytes && oldest.at + hold > now) break;
        bytes -= oldest.cost;
        gone = oldest.row.seq;
        first += 1;
      }
      if (first < SLACK) return;
      held = held.slice(first);
      first = 0;
    },
    takeAbove: (seq) => {
      const rest = held.slice(first);
      const taken = rest.filter(({ row }) => row.seq > seq);
      held = rest.filter(({ row }) => row.seq <= seq);
      first = 0;
      bytes = held.reduce((sum, { cost }) => sum + cost, 0);
      return taken.map(({ row }) => row);
    },
    get gone() {
      return gone;
    },
  };
}
