import type { Lane, LedgerEntry, LossReason } from "../../domain/outbox.ts";
import { bytes, millis } from "../../domain/units.ts";
import type { Database } from "./sqlite.ts";

/** A loss about to be written down. */
export interface Loss {
  readonly lane: Lane;
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly bytes: number;
  readonly reason: LossReason;
}

/** What decides whether two losses of a lane are one. */
export interface LaneState {
  readonly acknowledged: number;
  /** Whether a row survives between two sequences. */
  readonly hasBetween: (after: number, before: number) => boolean;
}

/** Entries kept. Beyond it the oldest two of a kind become one, which keeps counts exact and ranges coarser. */
export const LEDGER_LIMIT = 1000;

/**
 * Whether `next` continues `below`, the nearest entry of its lane that ends before it: nothing between them survived or
 * was delivered, so that the common range names no row that is not lost.
 */
export function continues(
  below: Pick<LedgerEntry, "to" | "reason" | "reported">,
  next: Loss,
  lane: LaneState,
): boolean {
  return (
    below.reason === next.reason &&
    !below.reported &&
    !isVague(next.reason) &&
    below.to < next.from &&
    lane.acknowledged <= below.to &&
    !lane.hasBetween(below.to, next.from)
  );
}

/** Whether a range of this reason may hold sequences of which nobody knows that they are lost. */
function isVague(reason: LossReason): boolean {
  return reason === "unknown" || reason === "hub-lost";
}

interface LedgerRow {
  readonly id: number;
  readonly lane: Lane;
  readonly from_seq: number;
  readonly to_seq: number;
  readonly row_count: number;
  readonly bytes: number;
  readonly reason: LossReason;
  readonly wall: number;
  readonly reported: number;
}

export interface LedgerTable {
  /** Writes a loss down, inside the transaction that deletes the rows. */
  record(loss: Loss, wall: number, lane: LaneState): void;
  /** Where the next range of the lane above `seq` begins. A loss must not reach over it, or it would be told twice. */
  nextFrom(lane: Lane, seq: number): number | undefined;
  list(): LedgerEntry[];
  hasUnreported(): boolean;
  /** The oldest entries that no report holds yet. */
  unreported(limit: number): LedgerEntry[];
  /** Inside the transaction that stores the report. */
  markReported(entries: readonly LedgerEntry[]): void;
}

export function createLedgerTable(db: Database): LedgerTable {
  const nearestBelow = db.prepare<LedgerRow>(
    "SELECT * FROM ledger WHERE lane = ? AND to_seq < ? ORDER BY to_seq DESC LIMIT 1",
  );
  const nearestAbove = db.prepare<{ from_seq: number }>(
    "SELECT from_seq FROM ledger WHERE lane = ? AND from_seq > ? ORDER BY from_seq LIMIT 1",
  );
  const insert = db.prepare(
    "INSERT INTO ledger (lane, from_seq, to_seq, row_count, bytes, reason, wall) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const extend = db.prepare(
    "UPDATE ledger SET to_seq = ?, row_count = row_count + ?, bytes = bytes + ?, wall = ? WHERE id = ?",
  );
  const count = db.prepare<{ n: number }>("SELECT count(*) AS n FROM ledger");
  const select = db.prepare<LedgerRow>("SELECT * FROM ledger ORDER BY id");
  const oldestTwo = db.prepare<LedgerRow>(
    `SELECT * FROM ledger WHERE (lane, reason, reported) = (SELECT lane, reason, reported FROM ledger
      GROUP BY lane, reason, reported ORDER BY count(*) DESC LIMIT 1) ORDER BY id LIMIT 2`,
  );
  const firstUnreported = db.prepare<LedgerRow>("SELECT * FROM ledger WHERE reported = 0 ORDER BY id LIMIT ?");
  const mark = db.prepare("UPDATE ledger SET reported = 1 WHERE id = ?");
  const merge = db.prepare(
    "UPDATE ledger SET from_seq = ?, to_seq = ?, row_count = row_count + ?, bytes = bytes + ? WHERE id = ?",
  );
  const remove = db.prepare("DELETE FROM ledger WHERE id = ?");

  const makeRoom = (): void => {
    if ((count.get()?.n ?? 0) < LEDGER_LIMIT) return;
    const [first, second] = oldestTwo.all();
    if (first === undefined || second === undefined) return;
    const from = Math.min(first.from_seq, second.from_seq);
    merge.run(from, Math.max(first.to_seq, second.to_seq), first.row_count, first.bytes, second.id);
    remove.run(first.id);
  };

  return {
    record: (loss, wall, lane) => {
      const below = nearestBelow.get(loss.lane, loss.from);
      if (below !== undefined && continues(toEntry(below), loss, lane)) {
        extend.run(loss.to, loss.count, loss.bytes, wall, below.id);
        return;
      }
      makeRoom();
      insert.run(loss.lane, loss.from, loss.to, loss.count, loss.bytes, loss.reason, wall);
    },
    nextFrom: (lane, seq) => nearestAbove.get(lane, seq)?.from_seq,
    list: () => select.all().map(toEntry),
    hasUnreported: () => firstUnreported.get(1) !== undefined,
    unreported: (limit) => firstUnreported.all(limit).map(toEntry),
    markReported: (entries) => {
      for (const { id } of entries) mark.run(id);
    },
  };
}

function toEntry(row: LedgerRow): LedgerEntry {
  return {
    id: row.id,
    lane: row.lane,
    from: row.from_seq,
    to: row.to_seq,
    count: row.row_count,
    bytes: bytes(row.bytes),
    reason: row.reason,
    wall: millis(row.wall),
    reported: row.reported === 1,
  };
}
