import type { Bytes, Millis } from "../../domain/units.ts";
import { costOf, type RowRecord } from "./row.ts";

/**
 * Rows that the hub acknowledged before they were written: held in memory for as long as the others are held on disk,
 * or until there are too many.
 */
export interface HeldRows {
  /** Oldest first. Some may be older than what is held: those whose commit failed. */
  add(rows: readonly RowRecord[], now: Millis): void;
  /** Everything above `seq`, oldest first. */
  above(seq: number): RowRecord[];
  /** Lets go of everything above `seq`: it is held elsewhere. */
  dropAbove(seq: number): void;
  /** Rows up to here are not held any more. */
  readonly gone: number;
  /** Rows that were ever added. */
  readonly total: number;
}

export interface HeldRowsOptions {
  readonly hold: Millis;
  readonly maxBytes: Bytes;
  /** Rows up to here were held by an earlier process, if at all. */
  readonly gone: number;
}

interface Held {
  readonly row: RowRecord;
  readonly cost: number;
  readonly at: Millis;
}

/** Places in front of the oldest row that are given back together. */
const SLACK = 1024;

export function createHeldRows(options: HeldRowsOptions): HeldRows {
  const { hold, maxBytes } = options;
  let held: Held[] = [];
  let first = 0;
  let bytes = 0;
  let total = 0;
  let { gone } = options;
  return {
    add: (rows, now) => {
      total += rows.length;
      const isBehind = (rows[0]?.seq ?? Infinity) < (held.at(-1)?.row.seq ?? 0);
      for (const row of rows) {
        const cost = costOf(row);
        held.push({ row, cost, at: now });
        bytes += cost;
      }
      if (isBehind) {
        held = held.slice(first).sort((a, b) => a.row.seq - b.row.seq);
        first = 0;
      }
      for (let oldest = held[first]; oldest !== undefined; oldest = held[first]) {
        if (bytes <= maxBytes && oldest.at + hold > now) break;
        bytes -= oldest.cost;
        gone = Math.max(gone, oldest.row.seq);
        first += 1;
      }
      if (first < SLACK) return;
      held = held.slice(first);
      first = 0;
    },
    above: (seq) =>
      held
        .slice(first)
        .map(({ row }) => row)
        .filter((row) => row.seq > seq),
    dropAbove: (seq) => {
      held = held.slice(first).filter(({ row }) => row.seq <= seq);
      first = 0;
      bytes = held.reduce((sum, { cost }) => sum + cost, 0);
    },
    get gone() {
      return gone;
    },
    get total() {
      return total;
    },
  };
}
