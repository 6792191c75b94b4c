import { LANES, type Lane, type OutboxRow } from "../domain/outbox.ts";
import type { TransferTotals } from "../domain/outbox-report.ts";
import { bytes, type Millis } from "../domain/units.ts";
import { messageSize } from "../lib/outbox-file/format.ts";

/** Adds up rows as they pass. */
export interface TotalsCounter {
  add(row: OutboxRow): void;
  totals(): TransferTotals;
}

export function createTotalsCounter(): TotalsCounter {
  const lanes = new Map<Lane, { rows: number; bytes: number }>();
  let oldest: Millis | undefined;
  return {
    add(row) {
      const sum = lanes.get(row.lane) ?? { rows: 0, bytes: 0 };
      lanes.set(row.lane, { rows: sum.rows + 1, bytes: sum.bytes + messageSize(row) });
      if (row.clock === "synced" && (oldest === undefined || row.wall < oldest)) oldest = row.wall;
    },
    totals() {
      const found = LANES.flatMap((lane) => {
        const sum = lanes.get(lane);
        return sum === undefined ? [] : [{ lane, rows: sum.rows, bytes: bytes(sum.bytes) }];
      });
      return {
        rows: found.reduce((sum, { rows }) => sum + rows, 0),
        bytes: bytes(found.reduce((sum, one) => sum + one.bytes, 0)),
        lanes: found,
        oldest,
      };
    },
  };
}
