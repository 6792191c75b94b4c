import { millis } from "../../domain/units.ts";
import { rowChecksum, type RowRecord } from "./row.ts";
import { ROW_COLUMNS } from "./segment.ts";
import type { Database, SqlValue } from "./sqlite.ts";

/**
 * The lane `latest` as the next start will find it: one message for each subject. The main thread holds what is true
 * now.
 */
export interface LatestTable {
  put(row: RowRecord, boot: number): void;
  /** Deletes the subject's message unless it is newer than `seq`. */
  remove(subject: string, seq: number): void;
  /** Number of the oldest boot that a message mentions; boots grow with sequences. */
  oldestBoot(): number | undefined;
  /** Intact messages with the number of their boot, oldest first. */
  load(): { readonly row: RowRecord; readonly boot: number }[];
  /** Number of the boot of the oldest message; undefined when there is none. */
  oldestBoot(): number | undefined;
}

// The sequence is the order, so the subject needs an index of its own; the table is small.
const COLUMNS = ROW_COLUMNS.filter((column) => column !== "cost");

interface LatestRow {
  readonly seq: number;
  readonly boot: number;
  readonly monotonic: number;
  readonly wall: number;
  readonly ttl: number | null;
  readonly owner: string;
  readonly subject: string;
  readonly headers: string;
  readonly body: Uint8Array;
  readonly crc: number;
}

export function createLatestTable(db: Database): LatestTable {
  const upsert = db.prepare(
    `INSERT OR REPLACE INTO latest (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`,
  );
  const remove = db.prepare("DELETE FROM latest WHERE subject = ? AND seq <= ?");
  const select = db.prepare<LatestRow>(`SELECT ${COLUMNS.join(", ")} FROM latest ORDER BY seq`);
  const oldest = db.prepare<{ boot: number }>("SELECT boot FROM latest ORDER BY seq LIMIT 1");
  return {
    oldestBoot: () => oldest.get()?.boot,
    put: (row, boot) => {
      const { seq, monotonic, wall, ttl, owner, subject, headers, body } = row;
      const values: SqlValue[] = [seq, boot, monotonic, wall, ttl, owner, subject, headers, body];
      upsert.run(...values, rowChecksum(row, boot));
    },
    remove: (subject, seq) => remove.run(subject, seq),
    load: () =>
      select.all().flatMap(({ boot, crc, monotonic, wall, ...rest }) => {
        const row: RowRecord = { lane: "latest", ...rest, monotonic: millis(monotonic), wall: millis(wall) };
        return rowChecksum(row, boot) === crc ? [{ row, boot }] : [];
      }),
  };
}
