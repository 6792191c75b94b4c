import { LANES, type Lane } from "../../domain/outbox.ts";
import { createHeadTable, type Head, type LaneHead } from "./head.ts";
import { rowCost } from "./row.ts";
import type { Gap, LaneMarks } from "./sequence.ts";
import { isSqliteFailure, type Database, type SqlRow, type SqlValue } from "./sqlite.ts";

/** What one transaction into the new database takes at most. */
const BATCH_ROWS = 500;
const BATCH_BYTES = 512 * 1024;

export interface Rescued {
  readonly lanes: Head["lanes"];
  /** What may have been in the damaged database and could not be read. */
  readonly gaps: readonly Gap[];
  /** Rows of all tables that were taken over. */
  readonly rows: number;
}

export interface RescueOptions {
  /** Undefined when there is nothing to read from: all is a gap. */
  readonly from: Database | undefined;
  readonly to: Database;
  /** Highest sequence that may have been given out. */
  readonly lastSeq: number;
  /** Acknowledged sequences as far as they are known without the database. */
  readonly acknowledged: LaneMarks;
}

/**
 * Copies what can be read of a damaged database into a new, empty one. A table is read from its start until a page
 * fails, then from its end until a page fails: what lies between is lost. Rows of lanes keep their checksum, so a
 * damaged one is found when it is read. Memory does not depend on how much there is to copy.
 */
export function rescue({ from, to, lastSeq, acknowledged }: RescueOptions): Rescued {
  const head = from && attempt(() => createHeadTable(from).load());
  let rows = 0;
  if (from !== undefined) for (const table of TABLES) rows += copyTable(from, to, table);
  const gaps: Gap[] = [];
  const copyLane = (lane: Lane): LaneHead => {
    const old = head?.lanes[lane];
    const mark = Math.max(acknowledged[lane], old?.acknowledged ?? 0);
    const copy = from && copyRows(from, to, lane, { after: mark, upTo: lastSeq });
    const gap = { lane, from: (copy?.gapFrom ?? mark) + 1, to: (copy?.gapTo ?? lastSeq + 1) - 1 };
    if (copy?.complete !== true && gap.from <= gap.to) gaps.push(gap);
    rows += copy?.rows ?? 0;
    return { rows: copy?.rows ?? 0, bytes: copy?.bytes ?? 0, acknowledged: mark, dropped: old?.dropped ?? 0 };
  };
  const [critical, standard] = [copyLane(LANES[0]), copyLane(LANES[1])];
  return { lanes: { critical, standard }, gaps, rows };
}

interface LaneCopy {
  readonly rows: number;
  readonly bytes: number;
  readonly complete: boolean;
  /** Last sequence read upwards, and last one read downwards. */
  readonly gapFrom: number;
  readonly gapTo: number;
}

function copyRows(
  from: Database,
  to: Database,
  lane: Lane,
  range: { readonly after: number; readonly upTo: number },
): LaneCopy {
  const columns = ["seq", "boot", "monotonic", "wall", "subject", "headers", "body", "crc"];
  const where = `WHERE seq > ${range.after} AND seq <= ${range.upTo}`;
  const save = inserter(to, lane, columns);
  let rows = 0;
  let bytes = 0;
  let gapFrom = range.after;
  let gapTo = range.upTo + 1;
  const count = (row: SqlRow): void => {
    rows += 1;
    bytes += rowCost({ subject: sizeOf(row["subject"]), headers: sizeOf(row["headers"]), body: sizeOf(row["body"]) });
  };
  const up = select(from, `SELECT ${columns.join(", ")} FROM ${lane} ${where} ORDER BY seq`, save, (row) => {
    const seq = Number(row["seq"]);
    // In a damaged tree sequences may run backwards: nothing behind such a place can be trusted.
    if (seq <= gapFrom) return false;
    gapFrom = seq;
    count(row);
    return true;
  });
  if (up) return { rows, bytes, complete: true, gapFrom, gapTo };
  select(from, `SELECT ${columns.join(", ")} FROM ${lane} ${where} ORDER BY seq DESC`, save, (row) => {
    const seq = Number(row["seq"]);
    if (seq <= gapFrom || seq >= gapTo) return false;
    gapTo = seq;
    count(row);
    return true;
  });
  return { rows, bytes, complete: false, gapFrom, gapTo };
}

interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
}

const TABLES: readonly Table[] = [
  { name: "boots", columns: ["id", "boot_id"], key: ["id"] },
  {
    name: "ledger",
    columns: ["id", "lane", "from_seq", "to_seq", "row_count", "bytes", "reason", "wall"],
    key: ["id"],
  },
  { name: "key_value", columns: ["bucket", "key", "value"], key: ["bucket", "key"] },
  { name: "state", columns: ["name", "value"], key: ["name"] },
];

function copyTable(from: Database, to: Database, { name, columns, key }: Table): number {
  const save = inserter(to, name, columns);
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
  const cursor = attempt(() => from.prepare(sql).iterate());
  if (cursor === undefined) return false;
  let batch: SqlRow[] = [];
  let size = 0;
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

/** Inserts rows in one transaction; one that is there already, or that the schema does not allow, is left out. */
function inserter(to: Database, table: string, columns: readonly string[]): (rows: readonly SqlRow[]) => void {
  const statement = to.prepare(
    `INSERT OR IGNORE INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
  );
  return (rows) =>
    to.transaction(() => {
      for (const row of rows) {
        try {
          statement.run(...columns.map((column): SqlValue => row[column] ?? null));
        } catch (error) {
          if (!isSqliteFailure(error, "other")) throw error;
        }
      }
    });
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
