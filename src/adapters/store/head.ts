import type { Lane } from "../../domain/outbox.ts";
import type { StoredSequence } from "./sequence.ts";
import type { Database, Statement } from "./sqlite.ts";

/** Counters of a lane, committed together with the rows they count. */
export interface LaneHead {
  /** Rows in the table, those acknowledged but not yet deleted included. */
  rows: number;
  bytes: number;
  acknowledged: number;
  dropped: number;
}

/** The one row of table `head`, held in memory between transactions. */
export interface Head {
  readonly storeId: string;
  lastSeq: number;
  readonly lanes: Readonly<Record<Lane, LaneHead>>;
}

export function emptyHead({ storeId, lastSeq, acknowledged }: StoredSequence): Head {
  const lane = (name: Lane): LaneHead => ({ rows: 0, bytes: 0, acknowledged: acknowledged[name], dropped: 0 });
  return { storeId, lastSeq, lanes: { critical: lane("critical"), standard: lane("standard") } };
}

export function copyHead(head: Head): Head {
  return { ...head, lanes: { critical: { ...head.lanes.critical }, standard: { ...head.lanes.standard } } };
}

interface HeadRow {
  readonly store_id: string;
  readonly last_seq: number;
  readonly critical_rows: number;
  readonly critical_bytes: number;
  readonly critical_acknowledged: number;
  readonly critical_dropped: number;
  readonly standard_rows: number;
  readonly standard_bytes: number;
  readonly standard_acknowledged: number;
  readonly standard_dropped: number;
}

export interface HeadTable {
  /** Undefined in a new database. */
  load(): Head | undefined;
  save(head: Head): void;
}

export function createHeadTable(db: Database): HeadTable {
  const select: Statement<HeadRow> = db.prepare("SELECT * FROM head WHERE id = 1");
  const upsert = db.prepare(`INSERT OR REPLACE INTO head
    (id, store_id, last_seq, critical_rows, critical_bytes, critical_acknowledged, critical_dropped,
      standard_rows, standard_bytes, standard_acknowledged, standard_dropped)
    VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  return {
    load: () => {
      const row = select.get();
      if (row === undefined) return undefined;
      return {
        storeId: row.store_id,
        lastSeq: row.last_seq,
        lanes: {
          critical: {
            rows: row.critical_rows,
            bytes: row.critical_bytes,
            acknowledged: row.critical_acknowledged,
            dropped: row.critical_dropped,
          },
          standard: {
            rows: row.standard_rows,
            bytes: row.standard_bytes,
            acknowledged: row.standard_acknowledged,
            dropped: row.standard_dropped,
          },
        },
      };
    },
    save: ({ storeId, lastSeq, lanes: { critical, standard } }) =>
      upsert.run(
        storeId,
        lastSeq,
        ...[critical, standard].flatMap((lane) => [lane.rows, lane.bytes, lane.acknowledged, lane.dropped]),
      ),
  };
}
