import type { Lane } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { rowChecksum, rowCost, type RowRecord, type RowSizes } from "./row.ts";
import type { Database } from "./sqlite.ts";

interface StoredRow {
  readonly seq: number;
  readonly boot: number;
  readonly monotonic: number;
  readonly wall: number;
  readonly subject: string;
  readonly headers: string;
  readonly body: Uint8Array;
  readonly crc: number;
}

interface SizedRow extends RowSizes {
  readonly seq: number;
}

export interface ScannedRow {
  readonly record: RowRecord;
  readonly boot: number;
  /** False when the checksum does not fit: what the record says is not what was published. */
  readonly intact: boolean;
}

/** Consecutive rows of a lane that were deleted. */
export interface Removed {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly bytes: number;
}

export interface RemoveLimit {
  /** Rows above this sequence. */
  readonly after: number;
  /** Rows up to and including this sequence. */
  readonly upTo: number;
  readonly rows: number;
  /** Stops once so many bytes were freed. */
  readonly bytes: number;
}

/** The rows of one lane, in order of their sequence. */
export interface LaneTable {
  insert(row: RowRecord, boot: number): void;
  /** Visits rows above `after`, oldest first, until `visit` returns false. `visit` must not touch the database. */
  scan(after: number, visit: (row: ScannedRow) => boolean): void;
  /** Deletes the oldest rows within `limit`. Undefined when there is none. */
  removeOldest(limit: RemoveLimit): Removed | undefined;
  /** Rows and bytes up to and including `seq`. */
  measure(upTo: number): { readonly rows: number; readonly bytes: number };
  /** The oldest row above `after`. */
  oldest(after: number): { readonly seq: number; readonly wall: number; readonly boot: number } | undefined;
  readonly hasBetween: (after: number, before: number) => boolean;
}

const SIZES = "octet_length(subject) AS subject, octet_length(headers) AS headers, octet_length(body) AS body";

export function createLaneTable(db: Database, lane: Lane): LaneTable {
  const insert = db.prepare(
    `INSERT INTO ${lane} (seq, boot, monotonic, wall, subject, headers, body, crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const scan = db.prepare<StoredRow>(`SELECT * FROM ${lane} WHERE seq > ? ORDER BY seq`);
  const sizes = db.prepare<SizedRow>(`SELECT seq, ${SIZES} FROM ${lane} WHERE seq > ? AND seq <= ? ORDER BY seq`);
  const remove = db.prepare(`DELETE FROM ${lane} WHERE seq BETWEEN ? AND ?`);
  const oldest = db.prepare<{ seq: number; wall: number; boot: number }>(
    `SELECT seq, wall, boot FROM ${lane} WHERE seq > ? ORDER BY seq LIMIT 1`,
  );
  const between = db.prepare(`SELECT seq FROM ${lane} WHERE seq > ? AND seq < ? LIMIT 1`);
  return {
    insert: (row, boot) =>
      insert.run(row.seq, boot, row.monotonic, row.wall, row.subject, row.headers, row.body, rowChecksum(row, boot)),
    scan: (after, visit) => {
      for (const { boot, crc, monotonic, wall, ...rest } of scan.iterate(after)) {
        const record = { lane, ...rest, monotonic: millis(monotonic), wall: millis(wall) };
        if (!visit({ record, boot, intact: rowChecksum(record, boot) === crc })) return;
      }
    },
    removeOldest: (limit) => {
      let found: Removed | undefined;
      for (const row of sizes.iterate(limit.after, limit.upTo)) {
        if (found !== undefined && (found.count >= limit.rows || found.bytes >= limit.bytes)) break;
        const { from = row.seq, count = 0, bytes = 0 }: Partial<Removed> = found ?? {};
        found = { from, to: row.seq, count: count + 1, bytes: bytes + rowCost(row) };
      }
      if (found !== undefined) remove.run(found.from, found.to);
      return found;
    },
    measure: (upTo) => {
      let rows = 0;
      let bytes = 0;
      for (const row of sizes.iterate(0, upTo)) {
        rows += 1;
        bytes += rowCost(row);
      }
      return { rows, bytes };
    },
    oldest: (after) => oldest.get(after),
    hasBetween: (after, before) => between.get(after, before) !== undefined,
  };
}
