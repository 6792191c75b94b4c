import type { StoredLane } from "../../domain/outbox.ts";
import type { Head, HeadTable, StoredLaneHead } from "./head.ts";
import type { RowRecord } from "./row.ts";
import { costOf, PAGE_SIZE } from "./row.ts";
import {
  createSegment,
  dropSegment,
  openSegment,
  type ScannedRow,
  type Segment,
  type SegmentTable,
  type Share,
  type StampedRow,
} from "./segment.ts";
import { SqliteFailure, type Database } from "./sqlite.ts";

/** A segment is sealed at so many rows, so that dropping it frees what an outage filled in small steps. */
const SEAL_ROWS = 10_000;
const LARGEST_SEGMENT = 4 * 1024 * 1024;
/** Segments that a full outbox consists of, about: dropping one must not cost much of it. */
const SEGMENTS = 16;

export function segmentSize(cap: number): number {
  return Math.max(PAGE_SIZE, Math.min(LARGEST_SEGMENT, Math.floor(cap / SEGMENTS)));
}

/** A segment whose pages SQLite cannot read. */
export class BrokenSegment extends Error {
  override readonly name = "BrokenSegment";
  readonly lane: StoredLane;
  readonly id: number;

  constructor({ lane, id }: Pick<Segment, "lane" | "id">, cause: Error) {
    super(cause.message, { cause });
    this.lane = lane;
    this.id = id;
  }
}

/** Rows that were taken out of the lane. */
export interface Removed {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly bytes: number;
}

/**
 * The rows of one lane over its segments. Changes run inside a transaction and go into the head that they are given;
 * the caller keeps the old one until the transaction is through.
 */
export interface LaneSegments {
  append(head: Head, row: RowRecord, boot: number): void;
  /** Puts a row back that was acknowledged before it was written. */
  insert(head: Head, row: RowRecord, boot: number): void;
  /** Visits rows above `after`, oldest first, until `visit` returns false. @throws BrokenSegment */
  scan(head: Head, after: number, visit: (row: ScannedRow) => boolean): void;
  /** Takes note that the hub holds everything up to `seq`. */
  acknowledge(head: Head, seq: number, hubSeq: number | null): void;
  /** Takes note that the hub holds nothing above `seq`. */
  rewind(head: Head, seq: number, hubSeq: number | null): void;
  /**
   * Drops acknowledged segments, oldest first: those up to `upTo` that are worth the writing, or any until `bytes` are
   * freed.
   */
  release(head: Head, which: { readonly upTo: number } | { readonly bytes: number }): void;
  /** Whether dropping it is worth the writing: a small one goes on taking rows instead. */
  isReleasable(segment: Segment): boolean;
  /** Drops one segment with what waits in it. Returns what waited, in parts that end before `nextBorder`. */
  drop(head: Head, segment: Segment, nextBorder: (after: number) => number): Removed[];
  /** Deletes one waiting row. */
  remove(head: Head, seq: number): Removed;
  /** Waiting rows up to `upTo`. */
  measure(head: Head, upTo: number): Removed | undefined;
  oldest(head: Head, after: number): StampedRow | undefined;
  newest(segment: Segment): Pick<StampedRow, "boot" | "monotonic" | "wall"> | undefined;
  hasBetween(head: Head, after: number, before: number): boolean;
  /** Counts what waits from the rows themselves. */
  recount(head: Head): void;
  /** Forgets what is prepared on a segment whose table is another now. */
  forget(id: number): void;
}

export interface LaneSegmentsDeps {
  readonly db: Database;
  readonly lane: StoredLane;
  readonly heads: HeadTable;
  /** Bytes at which a segment is sealed. */
  readonly sealBytes: number;
}

export function createLaneSegments({ db, lane, heads, sealBytes }: LaneSegmentsDeps): LaneSegments {
  const tables = new Map<number, SegmentTable>();
  const tableOf = (segment: Segment): SegmentTable => {
    let table = tables.get(segment.id);
    if (table === undefined) tables.set(segment.id, (table = openSegment(db, segment)));
    return table;
  };
  const waiting = (segment: Segment, { acknowledged }: StoredLaneHead): boolean => segment.last > acknowledged;

  const isReleasable = ({ sealed, bytes }: Segment): boolean => sealed || bytes >= sealBytes / 2;

  const begin = (head: Head, row: RowRecord): Segment => {
    const id = head.nextSegment;
    head.nextSegment += 1;
    createSegment(db, id);
    const segment: Segment = {
      id,
      lane,
      first: row.seq,
      last: row.seq,
      rows: 0,
      bytes: 0,
      ttl: row.ttl,
      sealed: false,
    };
    heads.saveSegment(segment);
    return segment;
  };

  const put = (head: Head, segment: Segment, row: RowRecord, boot: number): void => {
    const cost = costOf(row);
    tableOf(segment).insert(row, boot);
    segment.first = Math.min(segment.first, row.seq);
    segment.last = Math.max(segment.last, row.seq);
    segment.rows += 1;
    segment.bytes += cost;
    segment.ttl = segment.ttl === null || row.ttl === null ? null : Math.max(segment.ttl, row.ttl);
    const state = head.lanes[lane];
    if (row.seq <= state.acknowledged) return;
    state.rows += 1;
    state.bytes += cost;
    state.owners[row.owner] = (state.owners[row.owner] ?? 0) + cost;
  };

  const add = (state: StoredLaneHead, shares: readonly Share[]): void => {
    for (const { owner, rows, bytes } of shares) {
      state.rows += rows;
      state.bytes += bytes;
      state.owners[owner] = (state.owners[owner] ?? 0) + bytes;
    }
  };

  const subtract = (state: StoredLaneHead, shares: readonly Share[]): void => {
    for (const { owner, rows, bytes } of shares) {
      state.rows -= rows;
      state.bytes -= bytes;
      const left = (state.owners[owner] ?? 0) - bytes;
      if (left > 0) state.owners[owner] = left;
      else delete state.owners[owner];
    }
    settle(state);
  };

  /** What is stored of a damaged row may lie about it, so the counters are set right whenever nothing waits. */
  const settle = (state: StoredLaneHead): void => {
    const last = state.segments.at(-1);
    if (last !== undefined && last.last > state.acknowledged) {
      state.rows = Math.max(0, state.rows);
      state.bytes = Math.max(0, state.bytes);
      return;
    }
    state.rows = 0;
    state.bytes = 0;
    state.owners = {};
  };

  const forgetTable = (head: Head, segment: Segment): void => {
    tables.delete(segment.id);
    dropSegment(db, segment.id);
    heads.removeSegment(segment.id);
    const state = head.lanes[lane];
    state.segments = state.segments.filter((one) => one !== segment);
    // Rows that still waited are in the ledger; only acknowledged ones are missed after a rewind.
    if (segment.first <= state.acknowledged) {
      state.released = Math.max(state.released, Math.min(segment.last, state.acknowledged));
    }
  };

  return {
    append: (head, row, boot) => {
      const { segments } = head.lanes[lane];
      let segment = segments.at(-1);
      if (segment !== undefined && !segment.sealed && (segment.rows >= SEAL_ROWS || segment.bytes >= sealBytes)) {
        segment.sealed = true;
        heads.saveSegment(segment);
      }
      if (segment === undefined || segment.sealed) {
        segment = begin(head, row);
        segments.push(segment);
      }
      put(head, segment, row, boot);
    },

    insert: (head, row, boot) => {
      const { segments } = head.lanes[lane];
      // The nearest one that begins before it, so that the segments stay apart.
      let segment = segments.findLast(({ first }) => first <= row.seq) ?? segments[0];
      if (segment === undefined) {
        segment = begin(head, row);
        segments.push(segment);
      }
      put(head, segment, row, boot);
      heads.saveSegment(segment);
    },

    scan: (head, after, visit) => {
      let going = true;
      let before = after;
      for (const segment of head.lanes[lane].segments) {
        if (segment.last <= after) continue;
        try {
          tableOf(segment).scan(after, (row) => {
            const { seq } = row.record;
            checkPlace(segment, before, seq);
            before = seq;
            return (going = visit(row));
          });
        } catch (error) {
          if (error instanceof Error) throw new BrokenSegment(segment, error);
          throw error;
        }
        if (!going) return;
      }
    },

    acknowledge: (head, seq, hubSeq) => {
      const state = head.lanes[lane];
      if (seq <= state.acknowledged) return;
      const shares = state.segments
        .filter((segment) => waiting(segment, state) && segment.first <= seq)
        .flatMap((segment) => tableOf(segment).measure(state.acknowledged, seq));
      state.acknowledged = seq;
      state.hubSeq = hubSeq;
      subtract(state, shares);
    },

    rewind: (head, seq, hubSeq) => {
      const state = head.lanes[lane];
      if (seq >= state.acknowledged) return;
      for (const segment of state.segments) {
        if (segment.last <= seq || segment.first > state.acknowledged) continue;
        add(state, tableOf(segment).measure(seq, state.acknowledged));
      }
      state.acknowledged = seq;
      state.hubSeq = hubSeq;
    },

    release: (head, which) => {
      const state = head.lanes[lane];
      let freed = 0;
      for (const segment of state.segments) {
        if (waiting(segment, state)) return;
        if ("bytes" in which ? freed >= which.bytes : segment.last > which.upTo || !isReleasable(segment)) return;
        freed += segment.bytes;
        forgetTable(head, segment);
      }
    },

    isReleasable,

    drop: (head, segment, nextBorder) => {
      const state = head.lanes[lane];
      const removed: Removed[] = [];
      const table = tableOf(segment);
      for (let after = Math.max(state.acknowledged, segment.first - 1); after < segment.last;) {
        const oldest = table.oldest(after)?.seq;
        if (oldest === undefined) break;
        const upTo = Math.min(segment.last, nextBorder(oldest) - 1);
        const shares = table.measure(after, upTo);
        const part = sum(shares);
        if (part === undefined) break;
        subtract(state, shares);
        removed.push(part);
        after = upTo;
      }
      forgetTable(head, segment);
      settle(state);
      return removed;
    },

    remove: (head, seq) => {
      const state = head.lanes[lane];
      const segment = state.segments.find(({ first, last }) => first <= seq && seq <= last);
      const [share] = segment === undefined ? [] : tableOf(segment).measure(seq - 1, seq);
      if (segment === undefined || share === undefined) return { from: seq, to: seq, count: 0, bytes: 0 };
      tableOf(segment).remove(seq);
      segment.rows -= 1;
      segment.bytes = Math.max(0, segment.bytes - share.bytes);
      if (seq > state.acknowledged) subtract(state, [share]);
      if (segment !== state.segments.at(-1)) heads.saveSegment(segment);
      return { from: seq, to: seq, count: 1, bytes: share.bytes };
    },

    measure: (head, upTo) => {
      const state = head.lanes[lane];
      const shares = state.segments
        .filter((segment) => waiting(segment, state) && segment.first <= upTo)
        .flatMap((segment) => tableOf(segment).measure(state.acknowledged, upTo));
      return sum(shares);
    },

    oldest: (head, after) => {
      for (const segment of head.lanes[lane].segments) {
        const found = segment.last > after ? tableOf(segment).oldest(after) : undefined;
        if (found !== undefined) return found;
      }
      return undefined;
    },

    newest: (segment) => tableOf(segment).newest(),

    hasBetween: (head, after, before) =>
      head.lanes[lane].segments.some(
        (segment) => segment.last > after && segment.first < before && tableOf(segment).hasBetween(after, before),
      ),

    recount: (head) => {
      const state = head.lanes[lane];
      const { acknowledged, segments } = state;
      Object.assign(state, { rows: 0, bytes: 0, owners: {} });
      for (const segment of segments) {
        if (waiting(segment, state)) add(state, tableOf(segment).measure(acknowledged, segment.last));
      }
    },

    forget: (id) => void tables.delete(id),
  };
}

/**
 * A medium that loses what it had confirmed may leave a list of segments and a table that do not fit together. Such a row
 * cannot be removed by its sequence, and reading on from it leads nowhere.
 */
function checkPlace({ first, last }: Segment, before: number, seq: number): void {
  if (seq > before && seq >= first && seq <= last) return;
  const place = seq > before ? `in a segment from ${first} to ${last}` : `behind ${before}`;
  throw new SqliteFailure("corrupt", `A row of sequence ${seq} lies ${place}`);
}

function sum(shares: readonly Share[]): Removed | undefined {
  if (shares.length === 0) return undefined;
  return shares.reduce<Removed>(
    (all, { from, to, rows, bytes }) => ({
      from: Math.min(all.from, from),
      to: Math.max(all.to, to),
      count: all.count + rows,
      bytes: all.bytes + bytes,
    }),
    { from: Infinity, to: 0, count: 0, bytes: 0 },
  );
}
