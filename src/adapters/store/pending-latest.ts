import type { RowRecord } from "./row.ts";

/** What a commit takes of lane `latest`. */
export interface LatestBatch {
  /** Newest messages, by subject. */
  readonly rows: ReadonlyMap<string, RowRecord>;
  /** Subjects whose stored message, up to this sequence, is not needed any more. */
  readonly done: ReadonlyMap<string, number>;
}

/** Changes of lane `latest` that wait for a commit. A message that is gone before its commit is never written. */
export interface PendingLatest {
  /** Messages to be written. */
  readonly rows: number;
  /** Messages to be deleted. */
  readonly done: number;
  put(row: RowRecord): void;
  /** Returns whether the database has to be told. */
  drop(subject: string, seq: number): boolean;
  take(): LatestBatch;
  /** The commit failed: what it took waits again, behind what came since. */
  restore(batch: LatestBatch): void;
  committed(batch: LatestBatch): void;
}

/** `stored`: subjects that the database has a message of. */
export function createPendingLatest(stored: Iterable<string>): PendingLatest {
  let rows = new Map<string, RowRecord>();
  let done = new Map<string, number>();
  /** Subjects that have a message in the database, or in the commit under way. */
  const written = new Set(stored);
  return {
    get rows() {
      return rows.size;
    },
    get done() {
      return done.size;
    },
    put: (row) => {
      done.delete(row.subject);
      rows.set(row.subject, row);
    },
    drop: (subject, seq) => {
      const waiting = rows.get(subject);
      if (waiting !== undefined && waiting.seq <= seq) rows.delete(subject);
      if (!written.has(subject)) return false;
      done.set(subject, seq);
      return true;
    },
    take: () => {
      const batch = { rows, done };
      for (const subject of rows.keys()) written.add(subject);
      rows = new Map();
      done = new Map();
      return batch;
    },
    restore: (batch) => {
      // Without those that were dropped while the commit ran: with ever new subjects they would pile up.
      const kept = [...batch.rows].filter(([subject, { seq }]) => (done.get(subject) ?? 0) < seq);
      rows = new Map([...kept, ...rows]);
      done = new Map([...batch.done, ...done]);
    },
    committed: (batch) => {
      for (const subject of batch.done.keys()) {
        if (!batch.rows.has(subject) && !rows.has(subject)) written.delete(subject);
      }
    },
  };
}
