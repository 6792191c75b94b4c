import { STORED_LANES, type StoredLane } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { createHeadTable, emptyHead, type Head } from "./head.ts";
import { createLaneSegments } from "./lane-segments.ts";
import { rowChecksum, rowCost, type RowRecord } from "./row.ts";
import { createSegment, dropSegment, openSegment, ROW_COLUMNS, segmentName, type Segment } from "./segment.ts";
import { laneMarks, type Gap, type SequenceStart } from "./sequence.ts";
import { isSqliteFailure, type Database, type SqlRow, type SqlValue } from "./sqlite.ts";

/** Names of segments that were taken out of use begin with it. */
export const QUARANTINED = "quarantined";

/** What one transaction into the new database takes at most. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 512 * 1024;

export interface Rescued {
  /** Of the new database; not saved yet. */
  readonly head: Head;
  /** What may have been in the damaged database and could not be read. */
  readonly gaps: readonly Gap[];
  /** Rows of all tables that were taken over. */
  readonly rows: number;
}

export interface RescueOptions {
  /** Undefined when there is nothing to read from: all is a gap. */
  readonly from: Database | undefined;
  readonly to: Database;
  /** Identity and marks as far as they are known without the database. */
  readonly start: SequenceStart;
}

/**
 * Copies what can be read of a damaged database into a new, empty one. Around a page of a lane that fails its
 * neighbours are looked for; other tables are read from their start and from their end until a page fails. Rows of
 * lanes keep their checksum, so a damaged one is found when it is read. Memory does not depend on how much there is to copy.
 */
export function rescue({ from, to, start }: RescueOptions): Rescued {
  const old = from && attempt(() => createHeadTable(from).load());
  const marks = laneMarks((lane) => Math.max(start.acknowledged[lane], old?.lanes[lane].acknowledged ?? 0));
  const head = emptyHead({ storeId: start.storeId, lastSeq: start.lastSeq, acknowledged: marks });
  let rows = 0;
  if (from !== undefined) for (const table of TABLES) rows += copyTable(from, to, table);
  const gaps: Gap[] = [];
  for (const lane of STORED_LANES) {
    head.lanes[lane].dropped = old?.lanes[lane].dropped ?? 0;
    const found = from === undefined ? [] : segmentsOf(from, old, lane);
    let covered = marks[lane];
    for (const { id, first, last } of found) {
      const range = { after: Math.max(covered, first - 1), upTo: Math.min(last, start.lastSeq) };
      if (range.after >= range.upTo) continue;
      // The new ones stay apart even when those of a list that lies do not.
      if (old !== undefined) covered = range.upTo;
      const { copy, segment } = copySegment(from, to, { head, lane, id, range });
      rows += copy.rows;
      if (segment.rows > 0) head.lanes[lane].segments.push(segment);
      if (old !== undefined) gaps.push(...copy.gaps.map((gap) => ({ lane, ...gap })));
    }
    head.lanes[lane].segments.sort((a, b) => a.first - b.first);
    const rest = { lane, from: marks[lane] + 1, to: start.lastSeq };
    // Without the list of segments nobody knows what there was.
    if (old === undefined && rest.from <= rest.to) gaps.push(rest);
    createLaneSegments({ db: to, lane, heads: createHeadTable(to), sealBytes: 0 }).recount(head);
  }
  return { head, gaps, rows };
}

/**
 * The head of a database that has none: one in which a rescue was interrupted, or a new one. Rows that were taken over
 * already are kept.
 */
export function adoptSegments(db: Database, start: SequenceStart): Head {
  const head = emptyHead(start);
  const heads = createHeadTable(db);
  for (const id of segmentIds(db)) {
    head.nextSegment = Math.max(head.nextSegment, id + 1);
    const lane = laneOf(db, id);
    const shares = lane === undefined ? [] : openSegment(db, { id, lane }).measure(0, Number.MAX_SAFE_INTEGER);
    if (lane === undefined || shares.length === 0) {
      db.transaction(() => {
        dropSegment(db, id);
        heads.removeSegment(id);
      });
      continue;
    }
    const segment: Segment = {
      id,
      lane,
      first: Math.min(...shares.map(({ from }) => from)),
      last: Math.max(...shares.map(({ to }) => to)),
      rows: shares.reduce((sum, { rows }) => sum + rows, 0),
      bytes: shares.reduce((sum, { bytes }) => sum + bytes, 0),
      ttl: null,
      sealed: true,
    };
    db.transaction(() => heads.saveSegment(segment));
    head.lanes[lane].segments.push(segment);
  }
  for (const lane of STORED_LANES) {
    head.lanes[lane].segments.sort((a, b) => a.first - b.first);
    createLaneSegments({ db, lane, heads, sealBytes: 0 }).recount(head);
  }
  return head;
}

function segmentIds(db: Database): number[] {
  const prefix = segmentName(0).slice(0, -1);
  const sql = `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB '${prefix}[0-9]*'`;
  const names = attempt(() => db.prepare<{ name: string }>(sql).all()) ?? [];
  return names.map(({ name }) => Number(name.slice(prefix.length))).filter((id) => Number.isSafeInteger(id));
}

/** The segments of a lane: as the list has them, or else as their rows say. */
function segmentsOf(
  from: Database,
  old: Head | undefined,
  lane: StoredLane,
): readonly Pick<Segment, "id" | "first" | "last">[] {
  if (old !== undefined) return old.lanes[lane].segments;
  return segmentIds(from)
    .filter((id) => laneOf(from, id) === lane)
    .map((id) => ({ id, first: 0, last: Number.MAX_SAFE_INTEGER }));
}

/** The checksum of a row tells the lane that it was made for. */
function laneOf(from: Database, id: number): StoredLane | undefined {
  const rows = attempt(() => from.prepare(`SELECT * FROM ${segmentName(id)} ORDER BY seq LIMIT 5`).all()) ?? [];
  return STORED_LANES.find((lane) =>
    rows.some((row) => {
      const { boot, crc, monotonic, wall, ...rest } = row as unknown as RowRecord & { boot: number; crc: number };
      const record = { ...rest, lane, monotonic: millis(monotonic), wall: millis(wall) };
      return attempt(() => rowChecksum(record, boot)) === crc;
    }),
  );
}

interface SegmentCopy {
  readonly head: Head;
  readonly lane: StoredLane;
  readonly id: number;
  readonly range: Range;
}

function copySegment(
  from: Database | undefined,
  to: Database,
  { head, lane, id, range }: SegmentCopy,
): { readonly copy: RowCopy; readonly segment: Segment } {
  const fresh = head.nextSegment;
  head.nextSegment += 1;
  to.transaction(() => createSegment(to, fresh));
  const insert = rowInserter(to, fresh);
  const save = (rows: readonly SqlRow[]): void => to.transaction(() => insert(rows));
  const copy =
    from === undefined
      ? { rows: 0, bytes: 0, first: 0, last: 0, gaps: [{ from: range.after + 1, to: range.upTo }] }
      : copyReadable(from, segmentName(id), range, save);
  const { rows, bytes, first, last } = copy;
  const segment: Segment = { id: fresh, lane, first, last, rows, bytes, ttl: null, sealed: true };
  if (rows > 0) to.transaction(() => createHeadTable(to).saveSegment(segment));
  else to.transaction(() => to.exec(`DROP TABLE ${segmentName(fresh)}`));
  return { copy, segment };
}

interface Range {
  readonly after: number;
  readonly upTo: number;
}

export interface RowCopy {
  readonly rows: number;
  readonly bytes: number;
  /** Of what was read. */
  readonly first: number;
  readonly last: number;
  /** Sequences that could not be read. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[];
}

/** Broken places in one table behind which more is looked for. */
const MOST_TRIES = 1000;

/** Reads the rows of a table within `range` that can be read, and passes them to `save` in batches. */
export function copyReadable(
  from: Database,
  table: string,
  range: Range,
  save: (rows: readonly SqlRow[]) => void,
): RowCopy {
  const { upTo } = range;
  const gaps: { from: number; to: number }[] = [];
  let rows = 0;
  let bytes = 0;
  let first = Infinity;
  let last = range.after;
  let tries = 0;
  const accept = (row: SqlRow): boolean => {
    const seq = Number(row["seq"]);
    // In a damaged tree sequences may run backwards: nothing behind such a place can be trusted.
    if (seq <= last) return false;
    last = seq;
    first = Math.min(first, seq);
    rows += 1;
    const [owner = 0, subject = 0, headers = 0, body = 0] = ["owner", "subject", "headers", "body"].map((column) =>
      sizeOf(row[column]),
    );
    bytes += rowCost({ owner, subject, headers, body });
    return true;
  };
  const sqlFrom = (after: number): string =>
    `SELECT ${ROW_COLUMNS.join(", ")} FROM ${table} WHERE seq > ${after} AND seq <= ${upTo} ORDER BY seq`;
  for (let after = range.after; !select(from, sqlFrom(after), save, accept);) {
    // A row that is found but cannot be read must not be found again.
    const broken = Math.max(last, after) + 1;
    tries += 1;
    const next = tries < MOST_TRIES ? findReadable(from, table, { after: broken, upTo }) : undefined;
    const gap = { from: last + 1, to: next === undefined ? upTo : next - 1 };
    if (gaps.at(-1)?.from === gap.from) gaps.pop();
    gaps.push(gap);
    if (next === undefined) break;
    after = next - 1;
  }
  return { rows, bytes, first: rows === 0 ? 0 : first, last: rows === 0 ? 0 : last, gaps };
}

/** The first sequence above `after` that can be read again: steps that grow, then the place between the last two. */
function findReadable(from: Database, table: string, { after, upTo }: Range): number | undefined {
  const probe = attempt(() =>
    from.prepare<{ seq: number }>(`SELECT seq FROM ${table} WHERE seq >= ? ORDER BY seq LIMIT 1`),
  );
  if (probe === undefined) return undefined;
  const at = (seq: number): number | undefined => attempt(() => probe.get(seq))?.seq;
  let bad = after;
  let good: number | undefined;
  for (let step = 1; good === undefined && bad < upTo; step *= 2) {
    const place = Math.min(upTo, after + step);
    good = at(place);
    if (good === undefined) bad = place;
  }
  if (good === undefined || good > upTo) return undefined;
  for (let high = good; high - bad > 1;) {
    const middle = Math.floor((bad + high) / 2);
    const found = at(middle);
    if (found === undefined) {
      bad = middle;
    } else {
      high = middle;
      good = Math.min(good, found);
    }
  }
  return good;
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

const TABLES: readonly Table[] = [
  { name: "boots", columns: ["id", "boot_id", "wall_offset"], key: ["id"] },
  {
    name: "ledger",
    columns: ["id", "lane", "from_seq", "to_seq", "row_count", "bytes", "reason", "wall", "reported"],
    key: ["id"],
  },
  { name: "latest", columns: ROW_COLUMNS.filter((column) => column !== "cost"), key: ["seq"] },
  { name: "key_value", columns: ["bucket", "key", "value"], key: ["bucket", "key"] },
  { name: "state", columns: ["name", "value"], key: ["name"] },
];

function copyTable(from: Database, to: Database, { name, columns, key }: Table): number {
  const insert = inserter(to, name, columns);
  const save = (rows: readonly SqlRow[]): void => to.transaction(() => insert(rows));
  let rows = 0;
  const copy = (direction: "ASC" | "DESC"): boolean => {
    const order = key.map((column) => `${column} ${direction}`).join(", ");
    return select(from, `SELECT ${columns.join(", ")} FROM ${name} ORDER BY ${order}`, save, () => {
      rows += 1;
      return true;
    });
  };
  if (!copy("ASC")) copy("DESC");
  return rows;
}

/** Passes rows on until there are no more, one fails to be read, or `accept` refuses. True when the end was reached. */
function select(
  from: Database,
  sql: string,
  save: (rows: readonly SqlRow[]) => void,
  accept: (row: SqlRow) => boolean,
): boolean {
  let batch: SqlRow[] = [];
  let size = 0;
  const cursor = attempt(() => from.prepare(sql).iterate());
  if (cursor === undefined) return false;
  try {
    for (;;) {
      const step = attempt(() => cursor.next());
      const row = step?.done === true ? undefined : step?.value;
      const accepted = row !== undefined && accept(row);
      if (row !== undefined && accepted) {
        batch.push(row);
        size += Object.values(row).reduce<number>((sum, value) => sum + sizeOf(value), 0);
      }
      if (!accepted || batch.length >= BATCH_ROWS || size >= BATCH_BYTES) {
        save(batch);
        batch = [];
        size = 0;
      }
      if (!accepted) return step?.done === true;
    }
  } finally {
    attempt(() => cursor.return?.());
  }
}

/** Inserts rows of a lane as they were stored. */
export function rowInserter(to: Database, id: number): (rows: readonly SqlRow[]) => void {
  return inserter(to, segmentName(id), ROW_COLUMNS);
}

/** Inserts rows; one that is there already, or that the schema does not allow, is left out. Inside a transaction. */
function inserter(to: Database, table: string, columns: readonly string[]): (rows: readonly SqlRow[]) => void {
  const statement = to.prepare(
    `INSERT OR IGNORE INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  );
  return (rows) => {
    for (const row of rows) {
      try {
        statement.run(...columns.map((column): SqlValue => row[column] ?? null));
      } catch (error) {
        if (!isSqliteFailure(error, "other")) throw error;
      }
    }
  };
}

function sizeOf(value: SqlValue | undefined): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return value instanceof Uint8Array ? value.byteLength : 8;
}

/** Undefined when the damaged database does not give what is asked for. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSqliteFailure(error)) return undefined;
    throw error;
  }
}
