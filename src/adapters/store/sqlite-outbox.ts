import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import type { LanePolicies } from "../../domain/lane-policy.ts";
import {
  isStoredLane,
  STORED_LANES,
  type Delivered,
  type Lane,
  type PublishOutcome,
  type StoreHealth,
} from "../../domain/outbox.ts";
import { bytes, millis, type Bytes } from "../../domain/units.ts";
import type { OutboxSource, OutboxTransfer } from "../../host/ports.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Outbox } from "../../provider/services.ts";
import { checkSequence, checkSize } from "./admission.ts";
import { outboxFull } from "./commit-batch.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { HeldRows } from "./held-rows.ts";
import type { MemoryLane } from "./memory-lane.ts";
import { createOutboxReader } from "./outbox-reader.ts";
import { createOutboxStats } from "./outbox-stats.ts";
import type { StoredState } from "./protocol.ts";
import type { Quota } from "./quota.ts";
import type { Readers } from "./readers.ts";
import type { ReleaseSchedule } from "./release-schedule.ts";
import type { Now } from "./row-age.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";
import type { Sequencer } from "./sequencer.ts";
import type { StoredCopy } from "./stored-copy.ts";
import type { WorkerClient } from "./worker-client.ts";

export interface SqliteOutboxDeps {
  readonly client: WorkerClient;
  readonly queue: CommitQueue;
  readonly sequencer: Sequencer;
  readonly readers: Readers;
  readonly clock: Clock;
  readonly now: () => Now;
  readonly bootId: string;
  /** What to add to the time since this boot for Unix time; undefined as long as nobody knows. */
  readonly bootOffset: () => number | undefined;
  readonly cap: Bytes;
  readonly maxMessage: Bytes;
  readonly policies: LanePolicies;
  readonly stored: StoredCopy;
  readonly latest: MemoryLane;
  readonly ephemeral: MemoryLane;
  readonly held: HeldRows;
  readonly schedule: ReleaseSchedule;
  readonly quota: Quota;
  /** Highest sequence of each lane that was offered to the forwarder. */
  readonly offered: Record<Lane, number>;
  readonly mode: Pick<StoreHealth, "mode" | "reason">;
}

export type SqliteOutbox = Outbox & OutboxSource & OutboxTransfer;

/**
 * The outbox on the main thread: gives out sequences, queues commits, and serves what is not on disk from memory. A
 * `standard` row can be read, sent and acknowledged before it is written; then it never is.
 */
export function createSqliteOutbox(deps: SqliteOutboxDeps): SqliteOutbox {
  const { client, queue, sequencer, readers, clock, now, cap, policies, stored, held, schedule, quota } = deps;
  const delivered: Record<Lane, Delivered> = { ...client.opened.delivered };
  const accepted: Record<Lane, number> = { critical: 0, standard: 0, latest: 0, ephemeral: 0 };
  const memoryLanes = { latest: deps.latest, ephemeral: deps.ephemeral };
  /** In memory nothing is durable, whatever lane it is. */
  const promise = (outcome: PublishOutcome): PublishOutcome => (deps.mode.mode === "disk" ? outcome : "volatile");

  const shed = (row: RowRecord, cost: number, error: PetioleError): PetioleError => {
    queue.lose({ lane: row.lane, from: row.seq, to: row.seq, count: 1, bytes: cost, reason: "shed" });
    return error;
  };

  /** @throws PetioleError when the message cannot come in */
  const admit = (row: RowRecord): number => {
    const cost = costOf(row);
    try {
      quota.check(row, cost);
    } catch (error) {
      throw error instanceof PetioleError ? shed(row, cost, error) : error;
    }
    if (row.lane !== "standard") return cost;
    const { critical, standard } = stored.current.lanes;
    // `critical` rows never make way: where they leave no room, the message would only be dropped by its commit.
    if (critical.bytes + cost > cap) throw shed(row, cost, outboxFull("standard"));
    const { whenFull, maxBytes } = policies.standard;
    if (whenFull === "drop-oldest" || standard.bytes + queue.standardBytes + cost <= maxBytes) return cost;
    throw shed(
      row,
      cost,
      new PetioleError(
        "ERR_OUTBOX_SHED",
        `Cannot accept a message for "${row.subject}": lane "standard" has used up its ${maxBytes} bytes`,
      ),
    );
  };

  const accept = async (row: RowRecord): Promise<PublishOutcome> => {
    const { lane } = row;
    const cost = admit(row);
    accepted[lane] += 1;
    if (isStoredLane(lane)) {
      await store(row, cost);
      return promise(lane === "critical" ? "durable" : "buffered");
    }
    memoryLanes[lane].add(row);
    if (lane === "latest") queue.putLatest(row);
    notifyOrReserve(row);
    return promise(lane === "latest" ? "buffered" : "volatile");
  };

  const store = async (row: RowRecord, cost: number): Promise<void> => {
    quota.add(row.owner, cost);
    try {
      if (row.lane === "critical") {
        await queue.addCritical(row);
        return;
      }
      const waiting = queue.addStandard(row);
      // It can be sent before it is written, as long as its sequence can never be given out again.
      notifyOrReserve(row);
      await waiting;
    } catch (error) {
      accepted[row.lane] -= 1;
      quota.recount(stored.current, queue.unwritten());
      throw isPetioleError(error, "ERR_OUTBOX_FULL") ? shed(row, cost, error) : error;
    }
  };

  const notifyOrReserve = ({ lane, seq }: RowRecord): void => {
    if (seq <= stored.current.floor) readers.notify([lane]);
    else queue.reserve();
  };

  const read = createOutboxReader({
    client,
    queue,
    stored,
    memoryLanes,
    now,
    bootId: deps.bootId,
    bootOffset: deps.bootOffset,
  });
  const stats = createOutboxStats({
    ...deps,
    memoryLanes,
    delivered: (lane) => delivered[lane],
    accepted: (lane) => accepted[lane],
  });

  /** Takes note of what the database holds now. */
  const learn = (state: StoredState): void => {
    stored.update(state);
    quota.recount(state, queue.unwritten());
  };

  return {
    storeId: client.opened.storeId,
    bootId: deps.bootId,

    // Up to the first await this runs within the call, so sequences follow the order of the calls.
    publish: async (message) => {
      const { wall, monotonic } = now();
      const policy = policies[message.lane].ttl;
      const ttl = message.ttl ?? policy ?? null;
      const stamp = { seq: sequencer.next(), wall: millis(wall), monotonic: millis(monotonic), ttl };
      const row = makeRecord(message, stamp);
      // One that its whole lane cannot hold would only push the others out.
      checkSize(row, { maxMessage: deps.maxMessage, cap: bytes(Math.min(cap, policies[row.lane].maxBytes)) });
      return { outcome: await accept(row), seq: row.seq };
    },

    stats,

    // Losses in memory are written down with the next commit.
    ledger: () => client.call<"ledger">({ kind: "ledger" }),

    read: async (lane, after, limit) => {
      const rows = await read(lane, after, limit);
      const last = rows.at(-1);
      if (last !== undefined && limit.peek !== true) deps.offered[lane] = Math.max(deps.offered[lane], last.seq);
      return rows;
    },

    acknowledge: async (lane, seq, hubSeq) => {
      checkSequence(seq);
      if (seq <= delivered[lane].seq) return;
      delivered[lane] = { seq, hubSeq };
      // The hub may know more than a store that was restored from a backup: such sequences are used.
      sequencer.raise(seq);
      schedule.acknowledge(lane, seq, clock.monotonic());
      if (!isStoredLane(lane)) memoryLanes[lane].acknowledge(seq);
      queue.acknowledge(lane, delivered[lane]);
    },

    rewind: async (lane, to) => {
      if (to.seq >= delivered[lane].seq) return;
      if (isStoredLane(lane)) {
        // Only what the database knows to be acknowledged can be taken back from it.
        await queue.flush();
        const rows = lane === "standard" ? held.above(to.seq) : [];
        const gone = lane === "standard" ? held.gone : 0;
        learn(await client.call<"rewind">({ kind: "rewind", now: now(), lane, to, rows, gone }));
        if (lane === "standard") held.dropAbove(to.seq);
      } else {
        // Nobody knows how many there were.
        queue.lose({ lane, from: to.seq + 1, to: delivered[lane].seq, count: 0, bytes: 0, reason: "hub-lost" });
      }
      delivered[lane] = to;
      deps.offered[lane] = Math.min(deps.offered[lane], to.seq);
      schedule.rewind(lane, to.seq);
    },

    refuse: async (lane, seq) => {
      if (!isStoredLane(lane)) {
        memoryLanes[lane].refuse(seq);
        return;
      }
      // It may have been sent before it was written.
      if (seq > stored.current.lanes[lane].last) await queue.flush();
      learn(await client.call<"refuse">({ kind: "refuse", now: now(), lane, seq }));
    },

    acknowledged: async (lane) => delivered[lane],

    reportLosses: () => {
      if (stored.current.unreported) queue.report();
    },

    onReadable: (listener) => readers.add(listener),

    handOver: async (id, upTo) => {
      await queue.flush();
      const reply = await client.call<"hand-over">({ kind: "hand-over", now: now(), id, upTo });
      learn(reply);
      for (const lane of STORED_LANES) {
        const seq = upTo[lane];
        if (seq !== undefined && seq > delivered[lane].seq) delivered[lane] = { seq, hubSeq: undefined };
      }
      return { rows: reply.handedOver };
    },

    importProgress: async (id) => {
      const text = await client.call<"get-state">({ kind: "get-state", name: importName(id) });
      return text === undefined ? undefined : Number(text);
    },

    takeIn: async (id, progress, messages) => {
      const { wall, monotonic } = now();
      const rows = messages.map((message) => {
        const ttl = message.ttl ?? policies[message.lane].ttl ?? null;
        const stamp = { seq: sequencer.next(), wall: millis(wall), monotonic: millis(monotonic), ttl };
        // Its size was checked where it was accepted first; what an import adds to its headers must not keep it out.
        return makeRecord(message, stamp);
      });
      const taken = rows.filter(({ lane }) => isStoredLane(lane));
      await queue.writeTogether(taken, { kind: "put-state", name: importName(id), value: String(progress) });
      for (const { lane } of taken) accepted[lane] += 1;
    },
  };
}

const importName = (id: string): string => `import:${id}`;
