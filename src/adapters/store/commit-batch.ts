import { PetioleError } from "../../domain/errors.ts";
import type { Delivered, Lane } from "../../domain/outbox.ts";
import type { Millis } from "../../domain/units.ts";
import type { LatestBatch } from "./pending-latest.ts";
import type { CommitReply, CommitRequest, MemoryLoss, Write, WriteResult } from "./protocol.ts";
import type { RowRecord } from "./row.ts";

export interface CriticalRow {
  readonly row: RowRecord;
  readonly cost: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface StandardRow {
  readonly row: RowRecord;
  readonly cost: number;
  readonly since: Millis;
}

export interface WaitingWrite {
  readonly write: Write;
  readonly resolve: (result: WriteResult) => void;
  readonly reject: (error: Error) => void;
}

/** Rows that are written together with a note of them, or not at all. */
export interface WaitingGroup {
  readonly rows: readonly RowRecord[];
  readonly note: Write;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What one commit takes, with those who wait for it. */
export interface Batch {
  readonly critical: readonly CriticalRow[];
  readonly standard: readonly StandardRow[];
  readonly latest: LatestBatch;
  readonly acknowledged: ReadonlyMap<Lane, Delivered>;
  readonly losses: readonly MemoryLoss[];
  readonly report: boolean;
  readonly reserve: boolean;
  readonly writes: readonly WaitingWrite[];
  readonly groups: readonly WaitingGroup[];
}

export const NOTHING: Batch = {
  critical: [],
  standard: [],
  latest: { rows: new Map(), done: new Map() },
  acknowledged: new Map(),
  losses: [],
  report: false,
  reserve: false,
  writes: [],
  groups: [],
};

type Circumstances = Pick<CommitRequest, "now" | "reportSeq" | "lastSeq" | "offered" | "released">;

export function requestOf(batch: Batch, circumstances: Circumstances): CommitRequest {
  const { critical, standard, latest, acknowledged, losses, writes, groups } = batch;
  const single = [...standard, ...critical].map(({ row }) => row);
  return {
    kind: "commit",
    ...circumstances,
    rows: [...single, ...groups.flatMap(({ rows }) => rows)].sort((a, b) => a.seq - b.seq),
    latest: [...latest.rows.values()],
    latestDone: Array.from(latest.done, ([subject, seq]) => ({ subject, seq })),
    acknowledged: Object.fromEntries(acknowledged),
    losses,
    writes: writes.map(({ write }) => write),
    groups: groups.map(({ rows, note }) => ({ seqs: rows.map(({ seq }) => seq), note })),
  };
}

/** Tells those who wait what became of a commit that succeeded. */
export function settleBatch(batch: Batch, reply: CommitReply): void {
  const refused = new Set(reply.refused);
  for (const { row, resolve, reject } of batch.critical) {
    if (refused.has(row.seq)) reject(outboxFull("critical"));
    else resolve();
  }
  for (const { rows, resolve, reject } of batch.groups) {
    if (rows.some(({ seq }) => refused.has(seq))) reject(outboxFull("critical"));
    else resolve();
  }
  for (const [index, { resolve, reject }] of batch.writes.entries()) {
    const result = reply.writes[index];
    if (result !== undefined) resolve(result);
    else reject(new PetioleError("ERR_INVARIANT", "Cannot finish a write: the store's worker did not answer it"));
  }
}

export function outboxFull(lane: Lane): PetioleError {
  return new PetioleError(
    "ERR_OUTBOX_FULL",
    `Cannot accept a message for lane "${lane}": the outbox is full of critical messages that the hub has not taken`,
  );
}
