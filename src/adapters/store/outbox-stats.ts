import {
  isStoredLane,
  LANES,
  STORED_LANES,
  type Delivered,
  type Lane,
  type LaneStats,
  type OutboxStats,
  type StoreHealth,
} from "../../domain/outbox.ts";
import { bytes, millis, type Bytes } from "../../domain/units.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { HeldRows } from "./held-rows.ts";
import type { MemoryLane } from "./memory-lane.ts";
import { oldestOf, type Now } from "./row-age.ts";
import type { Sequencer } from "./sequencer.ts";
import type { WorkerClient } from "./worker-client.ts";

export interface OutboxStatsDeps {
  readonly client: Pick<WorkerClient, "call">;
  readonly queue: Pick<CommitQueue, "waiting" | "failure">;
  readonly memoryLanes: Readonly<Record<"latest" | "ephemeral", MemoryLane>>;
  readonly held: Pick<HeldRows, "total">;
  readonly sequencer: Pick<Sequencer, "last">;
  readonly now: () => Now;
  readonly bootOffset: () => number | undefined;
  readonly cap: Bytes;
  readonly mode: Pick<StoreHealth, "mode" | "reason">;
  readonly delivered: (lane: Lane) => Delivered;
  readonly accepted: (lane: Lane) => number;
}

/** Puts together what the database holds and what waits in memory. */
export function createOutboxStats(deps: OutboxStatsDeps): () => Promise<OutboxStats> {
  const { client, queue, memoryLanes, held, sequencer, now, bootOffset, cap, mode, delivered, accepted } = deps;
  return async () => {
    const time = now();
    const marks = Object.fromEntries(LANES.map((lane) => [lane, delivered(lane).seq]));
    // Together with the question: what a commit under way took, the answer counts.
    const waiting = STORED_LANES.map((lane) => [...queue.waiting(lane)]);
    const reply = await client.call<"stats">({ kind: "stats", now: time, acknowledged: marks });
    const lanes = LANES.map((lane): LaneStats => {
      const { dropped, oldest, rows, bytes: size } = reply.lanes[lane];
      const elided = lane === "standard" ? held.total : 0;
      const base = { lane, accepted: accepted(lane), elided, dropped, acknowledged: delivered(lane).seq };
      if (!isStoredLane(lane)) {
        const memory = memoryLanes[lane];
        const { superseded } = memory;
        const first = memory.oldest(time);
        const age = { oldest: first?.wall, oldestAge: first?.age };
        return { ...base, rows: memory.rows, bytes: bytes(memory.bytes), superseded, ...age };
      }
      const inMemory = waiting[STORED_LANES.indexOf(lane)] ?? [];
      const [next] = inMemory;
      const first = oldest ?? (next && oldestOf({ ...next.row, thisBoot: true, offset: bootOffset() }, time));
      return {
        ...base,
        rows: rows + inMemory.length,
        bytes: bytes(inMemory.reduce((sum, { cost }) => sum + cost, size)),
        superseded: 0,
        oldest: first?.wall,
        oldestAge: first?.age,
      };
    });
    return {
      lanes,
      bytes: bytes(lanes.reduce((sum, lane) => sum + lane.bytes, 0)),
      stored: bytes(reply.state.stored),
      cap,
      lastSeq: sequencer.last,
      clock: time.synced ? "synced" : "unsynced",
      store: {
        mode: mode.mode,
        reason: mode.reason ?? queue.failure?.message,
        commits: reply.commits,
        commitTime: reply.commitTime && {
          p50: millis(reply.commitTime.p50),
          p99: millis(reply.commitTime.p99),
        },
      },
    };
  };
}
