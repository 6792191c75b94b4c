import { LANES, STORED_LANES, type Lane, type StoredLane } from "../../domain/outbox.ts";
import type { Segment } from "./segment.ts";
import { laneMarks, type StoredSequence } from "./sequence.ts";
import type { Database } from "./sqlite.ts";

/** What the store knows of a lane, committed together with the rows it counts. */
export interface LaneHead {
  acknowledged: number;
  /** Sequence of that message in the hub's stream; null when it was not told. */
  hubSeq: number | null;
  /** Rows ever given up. */
  dropped: number;
}

/** A lane that keeps its rows on disk. */
export interface StoredLaneHead extends LaneHead {
  /** Rows above `acknowledged`. */
  rows: number;
  bytes: number;
  /** Bytes of those rows by who published them. */
  owners: Record<string, number>;
  /** Rows up to here may be gone. */
  released: number;
  /** Oldest first; the last one takes new rows unless it is sealed. */
  segments: Segment[];
}

/** The one row of table `head` with the segments, held in memory between transactions. */
export interface Head {
  readonly storeId: string;
  lastSeq: number;
  nextSegment: number;
  readonly lanes: { readonly [L in Lane]: L extends StoredLane ? StoredLaneHead : LaneHead };
}

export function emptyHead({ storeId, lastSeq, acknowledged }: StoredSequence): Head {
  const lane = (name: Lane): LaneHead => ({ acknowledged: acknowledged[name], hubSeq: null, dropped: 0 });
  const stored = (name: Lane): StoredLaneHead => ({
    ...lane(name),
    rows: 0,
    bytes: 0,
    owners: {},
    released: acknowledged[name],
    segments: [],
  });
  return {
    storeId,
    lastSeq,
    nextSegment: 1,
    lanes: {
      critical: stored("critical"),
      standard: stored("standard"),
      latest: lane("latest"),
      ephemeral: lane("ephemeral"),
    },
  };
}

export function copyHead(head: Head): Head {
  const stored = (lane: StoredLaneHead): StoredLaneHead => ({
    ...lane,
    owners: { ...lane.owners },
    segments: lane.segments.map((segment) => ({ ...segment })),
  });
  const { critical, standard, latest, ephemeral } = head.lanes;
  return {
    ...head,
    lanes: {
      critical: stored(critical),
      standard: stored(standard),
      latest: { ...latest },
      ephemeral: { ...ephemeral },
    },
  };
}

export function acknowledgedOf(head: Head): Readonly<Record<Lane, number>> {
  return laneMarks((lane) => head.lanes[lane].acknowledged);
}

/** Bytes of everything that lies in segments. */
export function storedBytes(head: Head): number {
  return STORED_LANES.reduce(
    (sum, lane) => head.lanes[lane].segments.reduce((part, segment) => part + segment.bytes, sum),
    0,
  );
}

/** What is written of a lane. Of its segments only the last changes from commit to commit. */
type SavedLane = LaneHead & Partial<Omit<StoredLaneHead, "segments">> & { readonly active?: Segment | undefined };

interface HeadRow {
  readonly store_id: string;
  readonly last_seq: number;
  readonly next_segment: number;
  readonly lanes: string;
}

interface SegmentRow {
  readonly id: number;
  readonly lane: StoredLane;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly row_count: number;
  readonly bytes: number;
  readonly ttl: number | null;
  readonly sealed: number;
}

export interface HeadTable {
  /** Undefined in a new database. @throws SqliteFailure corrupt */
  load(): Head | undefined;
  save(head: Head): void;
  /** Writes down a segment that was made, sealed, or changed behind the last one. */
  saveSegment(segment: Segment): void;
  removeSegment(id: number): void;
}

export function createHeadTable(db: Database): HeadTable {
  const select = db.prepare<HeadRow>("SELECT store_id, last_seq, next_segment, lanes FROM head WHERE id = 1");
  const selectSegments = db.prepare<SegmentRow>("SELECT * FROM segments ORDER BY first_seq, id");
  const upsert = db.prepare(
    "INSERT OR REPLACE INTO head (id, store_id, last_seq, next_segment, lanes) VALUES (1, ?, ?, ?, ?)",
  );
  const upsertSegment = db.prepare(`INSERT OR REPLACE INTO segments
    (id, lane, first_seq, last_seq, row_count, bytes, ttl, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`);
  const remove = db.prepare("DELETE FROM segments WHERE id = ?");
  return {
    load: () => {
      const row = select.get();
      if (row === undefined) return undefined;
      const saved = JSON.parse(row.lanes) as Readonly<Record<Lane, SavedLane>>;
      const head = emptyHead({ storeId: row.store_id, lastSeq: row.last_seq, acknowledged: laneMarks(() => 0) });
      head.nextSegment = row.next_segment;
      for (const lane of LANES) {
        const { active: _, ...values } = saved[lane];
        Object.assign(head.lanes[lane], values);
      }
      for (const { lane, ...segment } of selectSegments.all()) {
        const { active } = saved[lane];
        head.lanes[lane].segments.push(active?.id === segment.id ? active : toSegment({ lane, ...segment }));
      }
      return head;
    },
    save: ({ storeId, lastSeq, nextSegment, lanes }) => {
      const saved: Record<string, SavedLane> = { latest: lanes.latest, ephemeral: lanes.ephemeral };
      for (const lane of STORED_LANES) {
        const { segments, ...values } = lanes[lane];
        saved[lane] = { ...values, active: segments.at(-1) };
      }
      upsert.run(storeId, lastSeq, nextSegment, JSON.stringify(saved));
    },
    saveSegment: ({ id, lane, first, last, rows, bytes, ttl, sealed }) =>
      upsertSegment.run(id, lane, first, last, rows, bytes, ttl, sealed ? 1 : 0),
    removeSegment: (id) => remove.run(id),
  };
}

function toSegment(row: SegmentRow): Segment {
  const { id, lane, first_seq: first, last_seq: last, row_count: rows, bytes, ttl, sealed } = row;
  return { id, lane, first, last, rows, bytes, ttl, sealed: sealed === 1 };
}
