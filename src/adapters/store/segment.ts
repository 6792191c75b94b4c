import type { StoredLane } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { costOf, rowChecksum, type RowRecord } from "./row.ts";
import type { Database, Statement } from "./sqlite.ts";

/**
 * Rows of one lane in a table of their own, which goes as a whole: dropping a table writes a few pages, deleting its
 * rows as much as inserting them. The segments of a lane do not overlap.
 */
export interface Segment {
  readonly id: number;
  readonly lane: StoredLane;
  first: number;
  last: number;
  /** What lies in it, acknowledged rows included. */
  rows: number;
  bytes: number;
  /** Longest that one of its rows is worth sending; null for ever. */
  ttl: number | null;
  /** Takes no new rows. */
  sealed: boolean;
}

export interface ScannedRow {
  readonly record: RowRecord;
  readonly boot: number;
  readonly cost: number;
  /** False when the checksum does not fit: what the record says is not what was published. */
  readonly intact: boolean;
}

/** Some rows of one owner. */
export interface Share {
  readonly owner: string;
  readonly rows: number;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/** The table of one segment. */
export interface SegmentTable {
  insert(row: RowRecord, boot: number): void;
  /** Visits rows above `after`, oldest first, until `visit` returns false. `visit` must not touch the database. */
  scan(after: number, visit: (row: ScannedRow) => boolean): void;
  /** What lies above `after` and up to `upTo`, by owner. */
  measure(after: number, upTo: number): readonly Share[];
  /** Stamps of the newest row. */
  newest(): { readonly boot: number; readonly monotonic: number; readonly wall: number } | undefined;
  /** Stamps of the oldest row above `after`. */
  oldest(after: number): StampedRow | undefined;
  remove(seq: number): void;
  hasBetween(after: number, before: number): boolean;
}

export interface StampedRow {
  readonly seq: number;
  readonly boot: number;
  readonly monotonic: number;
  readonly wall: number;
}

interface StoredRow {
  readonly seq: number;
  readonly boot: number;
  readonly monotonic: number;
  readonly wall: number;
  readonly ttl: number | null;
  readonly cost: number;
  readonly owner: string;
  readonly subject: string;
  readonly headers: string;
  readonly body: Uint8Array;
  readonly crc: number;
}

export const ROW_COLUMNS = [
  "seq",
  "boot",
  "monotonic",
  "wall",
  "ttl",
  "cost",
  "owner",
  "subject",
  "headers",
  "body",
  "crc",
] as const;

export const segmentName = (id: number): string => `segment_${id}`;

export function createSegment(db: Database, id: number): void {
  db.exec(`CREATE TABLE ${segmentName(id)} (
    seq INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    monotonic INTEGER NOT NULL,
    wall INTEGER NOT NULL,
    ttl INTEGER,
    cost INTEGER NOT NULL,
    owner TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    crc INTEGER NOT NULL
  ) STRICT`);
}

export function dropSegment(db: Database, id: number): void {
  db.exec(`DROP TABLE ${segmentName(id)}`);
}

/** Statements of the table, prepared when they are first needed. */
export function openSegment(db: Database, { id, lane }: Pick<Segment, "id" | "lane">): SegmentTable {
  const table = segmentName(id);
  const insert = lazy(() =>
    db.prepare(`INSERT INTO ${table} (${ROW_COLUMNS.join(", ")}) VALUES (${ROW_COLUMNS.map(() => "?").join(", ")})`),
  );
  const scan = lazy(() => db.prepare<StoredRow>(`SELECT * FROM ${table} WHERE seq > ? ORDER BY seq`));
  const measure = lazy(() =>
    db.prepare<Share>(
      `SELECT owner, count(*) AS rows, sum(cost) AS bytes, min(seq) AS "from", max(seq) AS "to"
        FROM ${table} WHERE seq > ? AND seq <= ? GROUP BY owner`,
    ),
  );
  const stamps = "seq, boot, monotonic, wall";
  const newest = lazy(() => db.prepare<StampedRow>(`SELECT ${stamps} FROM ${table} ORDER BY seq DESC LIMIT 1`));
  const oldest = lazy(() =>
    db.prepare<StampedRow>(`SELECT ${stamps} FROM ${table} WHERE seq > ? ORDER BY seq LIMIT 1`),
  );
  const remove = lazy(() => db.prepare(`DELETE FROM ${table} WHERE seq = ?`));
  const between = lazy(() => db.prepare(`SELECT seq FROM ${table} WHERE seq > ? AND seq < ? LIMIT 1`));
  return {
    insert: (row, boot) => {
      const { seq, monotonic, wall, ttl, owner, subject, headers, body } = row;
      const crc = rowChecksum(row, boot);
      insert().run(seq, boot, monotonic, wall, ttl, costOf(row), owner, subject, headers, body, crc);
    },
    scan: (after, visit) => {
      for (const { boot, crc, cost, monotonic, wall, ...rest } of scan().iterate(after)) {
        const record = { lane, ...rest, monotonic: millis(monotonic), wall: millis(wall) };
        if (!visit({ record, boot, cost, intact: rowChecksum(record, boot) === crc })) return;
      }
    },
    measure: (after, upTo) => measure().all(after, upTo),
    newest: () => newest().get(),
    oldest: (after) => oldest().get(after),
    remove: (seq) => remove().run(seq),
    hasBetween: (after, before) => between().get(after, before) !== undefined,
  };
}

function lazy<Row>(make: () => Statement<Row>): () => Statement<Row> {
  let made: Statement<Row> | undefined;
  return () => (made ??= make());
}
