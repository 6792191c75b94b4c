import { isStoredLane, type Lane, type OutboxRow } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import type { OutboxSource } from "../../host/ports.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { MemoryLane } from "./memory-lane.ts";
import { acceptedAt, isExpired, type Now } from "./row-age.ts";
import { unpackRows } from "./row-batch.ts";
import { costOf, parseHeaders, type RowRecord } from "./row.ts";
import type { StoredCopy } from "./stored-copy.ts";
import type { WorkerClient } from "./worker-client.ts";

export interface OutboxReaderDeps {
  readonly client: Pick<WorkerClient, "call">;
  readonly queue: Pick<CommitQueue, "standardRows" | "takeOut" | "lose">;
  readonly stored: StoredCopy;
  readonly memoryLanes: Readonly<Record<"latest" | "ephemeral", MemoryLane>>;
  readonly now: () => Now;
  readonly bootId: string;
  /** What to add to the time since boot for Unix time; undefined while the clock was never set in this boot. */
  readonly bootOffset: () => number | undefined;
}

/** Reads a lane from disk, and from memory what is not there yet. A row is given only once its sequence is reserved. */
export function createOutboxReader(deps: OutboxReaderDeps): OutboxSource["read"] {
  const { client, queue, stored, memoryLanes, now, bootId, bootOffset } = deps;

  const toRow = ({ headers, ttl, ...row }: RowRecord): OutboxRow => ({
    ...row,
    ttl: ttl === null ? undefined : millis(ttl),
    headers: parseHeaders(headers),
    bootId,
    ...acceptedAt({ ...row, thisBoot: true, offset: bootOffset() }),
  });

  /** `standard` rows above `after` that are not on disk yet. */
  const readMemory = (after: number, limit: { readonly rows: number; readonly bytes: number }): OutboxRow[] => {
    const rows: OutboxRow[] = [];
    const expired: RowRecord[] = [];
    let size = 0;
    const time = now();
    for (const row of queue.standardRows()) {
      if (row.seq <= after) continue;
      if (row.seq > stored.current.floor || rows.length >= limit.rows || size >= limit.bytes) break;
      if (isExpired(row.ttl, { ...row, thisBoot: true, offset: undefined }, time)) {
        expired.push(row);
        continue;
      }
      rows.push(toRow(row));
      size += costOf(row);
    }
    let end = Infinity;
    for (const row of expired) {
      const { lane, seq } = row;
      // A commit has it already: it will be given up on disk, and what is behind it is read then.
      if (queue.takeOut(seq) === undefined) end = Math.min(end, seq);
      else queue.lose({ lane, from: seq, to: seq, count: 1, bytes: costOf(row), reason: "expired" });
    }
    return rows.filter(({ seq }) => seq < end);
  };

  return async (lane: Lane, after, { peek = false, ...limit }) => {
    if (!isStoredLane(lane)) {
      const rows = memoryLanes[lane].read(after, limit, now());
      return rows.filter(({ seq }) => seq <= stored.current.floor);
    }
    // Nothing of the lane lies on disk behind `after`, so nobody needs to look.
    if (after >= stored.current.lanes[lane].last) return lane === "standard" ? readMemory(after, limit) : [];
    const reply = await client.call<"read">({ kind: "read", now: now(), lane, after, ...limit, offers: !peek });
    if (reply.state !== undefined) stored.update(reply.state);
    const rows = unpackRows(reply.rows);
    if (!reply.complete || lane !== "standard" || rows.length >= limit.rows) return rows;
    const last = Math.max(after, rows.at(-1)?.seq ?? 0, stored.current.lanes.standard.last);
    return [...rows, ...readMemory(last, { ...limit, rows: limit.rows - rows.length })];
  };
}
