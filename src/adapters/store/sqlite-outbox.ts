import { LANES, type Lane, type OutboxStats } from "../../domain/outbox.ts";
import { bytes, millis, type Bytes } from "../../domain/units.ts";
import type { OutboxSource } from "../../host/ports.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Outbox } from "../../provider/services.ts";
import { checkSequence, checkSize, stampNow, wallNow } from "./admission.ts";
import { outboxFull, type CommitQueue } from "./commit-queue.ts";
import type { Readers } from "./readers.ts";
import { makeRecord, recordSizes, rowCost, type RowRecord } from "./row.ts";
import type { Sequencer } from "./sequencer.ts";
import type { WorkerClient } from "./worker-client.ts";

export interface SqliteOutboxDeps {
  readonly client: WorkerClient;
  readonly queue: CommitQueue;
  readonly sequencer: Sequencer;
  readonly readers: Readers;
  readonly clock: Clock;
  readonly cap: Bytes;
  readonly maxMessage: Bytes;
  /** Bytes of `critical` rows on disk, as of the last commit. */
  readonly criticalBytes: () => number;
}

/** The outbox on the main thread: gives out sequences, queues commits, and asks the worker for what is on disk. */
export function createSqliteOutbox(deps: SqliteOutboxDeps): Outbox & OutboxSource {
  const { client, queue, sequencer, readers, clock, cap } = deps;
  const acknowledged: Record<Lane, number> = { ...client.opened.acknowledged };

  return {
    storeId: client.opened.storeId,

    // Up to the first await this runs within the call, so sequences follow the order of the calls.
    publish: async (message) => {
      const stamp = { seq: sequencer.next(), ...stampNow(clock) };
      const row = makeRecord(message, stamp);
      checkSize(row, deps);
      if (row.lane === "critical") {
        await queue.addCritical(row);
        return { outcome: "durable", seq: row.seq };
      }
      // `critical` rows never make way: where they leave no room, the message would only be dropped by its commit.
      if (deps.criticalBytes() + rowCost(recordSizes(row)) > cap) throw outboxFull("standard");
      await queue.addStandard(row);
      return { outcome: "buffered", seq: row.seq };
    },

    stats: async () => {
      const waiting = { critical: [...queue.waiting("critical")], standard: [...queue.waiting("standard")] };
      const stored = await client.call<"stats">({ kind: "stats", acknowledged });
      return addWaiting(stored, waiting, sequencer.last);
    },

    ledger: () => client.call<"ledger">({ kind: "ledger" }),

    // Acknowledged rows may still be on disk.
    read: (lane, after, { rows, bytes }) => {
      const from = Math.max(after, acknowledged[lane]);
      return client.call<"read">({ kind: "read", wall: wallNow(clock), lane, after: from, rows, bytes });
    },

    acknowledge: async (lane, seq) => {
      checkSequence(seq);
      if (seq <= acknowledged[lane]) return;
      acknowledged[lane] = seq;
      // The hub may know more than a store that was restored from a backup: such sequences are used.
      sequencer.raise(seq);
      queue.acknowledge(lane, seq);
    },

    refuse: (lane, seq) => client.call<"refuse">({ kind: "refuse", wall: clock.wall(), lane, seq }),

    acknowledged: async (lane) => acknowledged[lane],

    onReadable: (listener) => readers.add(listener),
  };
}

/** Adds rows that no commit has taken yet to what the worker counted. */
function addWaiting(
  stored: OutboxStats,
  waiting: Readonly<Record<Lane, readonly RowRecord[]>>,
  lastSeq: number,
): OutboxStats {
  const lanes = LANES.map((name) => {
    const rows = waiting[name];
    const lane = stored.lanes.find(({ lane }) => lane === name);
    const size = rows.reduce((sum, row) => sum + rowCost(recordSizes(row)), 0);
    const oldest = lane?.oldest ?? rows[0]?.wall;
    return {
      lane: name,
      rows: (lane?.rows ?? 0) + rows.length,
      bytes: bytes((lane?.bytes ?? 0) + size),
      oldest: oldest === undefined ? undefined : millis(oldest),
      acknowledged: lane?.acknowledged ?? 0,
      dropped: lane?.dropped ?? 0,
    };
  });
  return { ...stored, lanes, bytes: bytes(lanes.reduce((sum, lane) => sum + lane.bytes, 0)), lastSeq };
}
