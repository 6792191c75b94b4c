import { PetioleError } from "../../domain/errors.ts";
import type { LanePolicies } from "../../domain/lane-policy.ts";
import {
  isStoredLane,
  LANES,
  STORED_LANES,
  type Delivered,
  type Lane,
  type LaneStats,
  type OutboxRow,
  type PublishOutcome,
  type StoreHealth,
} from "../../domain/outbox.ts";
import { bytes, millis, type Bytes } from "../../domain/units.ts";
import type { OutboxSource, OutboxTransfer } from "../../host/ports.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Outbox } from "../../provider/services.ts";
import { checkSequence, checkSize } from "./admission.ts";
import { outboxFull, type CommitQueue } from "./commit-queue.ts";
import type { HeldRows } from "./held-rows.ts";
import type { MemoryLane } from "./memory-lane.ts";
import type { Quota } from "./quota.ts";
import type { Readers } from "./readers.ts";
import type { ReleaseSchedule } from "./release-schedule.ts";
import { acceptedAt, oldestOf, type Accepted, type Now } from "./row-age.ts";
import { costOf, makeRecord, parseHeaders, type RowRecord } from "./row.ts";
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

interface Counters {
  accepted: number;
  elided: number;
}

/**
 * The outbox on the main thread: gives out sequences, queues commits, and serves what is not on disk from memory. A
 * `standard` row can be read, sent and acknowledged before it is written; then it never is.
 */
export function createSqliteOutbox(deps: SqliteOutboxDeps): SqliteOutbox {
  const { client, queue, sequencer, readers, clock, now, cap, policies, stored, held, schedule, quota } = deps;
  const delivered: Record<Lane, Delivered> = { ...client.opened.delivered };
  const counters: Record<Lane, Counters> = {
    critical: { accepted: 0, elided: 0 },
    standard: { accepted: 0, elided: 0 },
    latest: { accepted: 0, elided: 0 },
    ephemeral: { accepted: 0, elided: 0 },
  };
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
    const cost = admit(row);
    quota.add(row.owner, cost);
    counters[row.lane].accepted += 1;
    switch (row.lane) {
      case "critical":
        try {
          await queue.addCritical(row);
        } catch (error) {
          counters.critical.accepted -= 1;
          throw error instanceof PetioleError && error.code === "ERR_OUTBOX_FULL" ? shed(row, cost, error) : error;
        }
        return promise("durable");
      case "standard": {
        const waiting = queue.addStandard(row);
        // It can be sent before it is written, as long as its sequence can never be given out again.
        if (row.seq <= stored.current.floor) readers.notify(["standard"]);
        else queue.reserve();
        await waiting;
        return promise("buffered");
      }
      case "latest":
        deps.latest.add(row);
        queue.putLatest(row);
        notifyOrReserve(row);
        return promise("buffered");
      case "ephemeral":
        deps.ephemeral.add(row);
        notifyOrReserve(row);
    }
    return "volatile";
  };

  const notifyOrReserve = ({ lane, seq }: RowRecord): void => {
    if (seq <= stored.current.floor) readers.notify([lane]);
    else queue.reserve();
  };

  const acceptance = ({ monotonic, wall }: RowRecord): Accepted => {
    return { monotonic, wall, thisBoot: true, offset: deps.bootOffset() };
  };
  const toRow = (record: RowRecord): OutboxRow => {
    const { headers, ttl, ...row } = record;
    return {
      ...row,
      ttl: ttl === null ? undefined : millis(ttl),
      headers: parseHeaders(headers),
      bootId: deps.bootId,
      ...acceptedAt(acceptance(record)),
    };
  };

  /** `standard` rows above `after` that are not on disk yet; only such whose sequences are reserved. */
  const readMemory = (after: number, limit: { readonly rows: number; readonly bytes: number }): OutboxRow[] => {
    const rows: OutboxRow[] = [];
    let size = 0;
    // For what is known of this boot.
    now();
    for (const row of queue.standardRows()) {
      if (row.seq <= after) continue;
      if (row.seq > stored.current.floor || rows.length >= limit.rows || size >= limit.bytes) break;
      rows.push(toRow(row));
      size += costOf(row);
    }
    return rows;
  };

  const read = async (
    lane: Lane,
    after: number,
    { peek = false, ...limit }: Parameters<OutboxSource["read"]>[2],
  ): Promise<readonly OutboxRow[]> => {
    if (!isStoredLane(lane)) {
      const rows = memoryLanes[lane].read(after, limit, now());
      return rows.filter(({ seq }) => seq <= stored.current.floor);
    }
    // Nothing of the lane lies on disk behind `after`, so nobody needs to look.
    if (after >= stored.current.lanes[lane].last) return lane === "standard" ? readMemory(after, limit) : [];
    const reply = await client.call<"read">({ kind: "read", now: now(), lane, after, ...limit, offers: !peek });
    if (reply.state !== undefined) stored.update(reply.state);
    if (!reply.complete || lane !== "standard" || reply.rows.length >= limit.rows) return reply.rows;
    const last = Math.max(after, reply.rows.at(-1)?.seq ?? 0, stored.current.lanes.standard.last);
    return [...reply.rows, ...readMemory(last, { ...limit, rows: limit.rows - reply.rows.length })];
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
      checkSize(row, deps);
      return { outcome: await accept(row), seq: row.seq };
    },

    stats: async () => {
      const time = now();
      const marks = Object.fromEntries(LANES.map((lane) => [lane, delivered[lane].seq]));
      // Together with the question: what a commit under way took, the answer counts.
      const waiting = STORED_LANES.map((lane) => [...queue.waiting(lane)]);
      const reply = await client.call<"stats">({ kind: "stats", now: time, acknowledged: marks });
      const lanes = LANES.map((lane): LaneStats => {
        const { accepted, elided } = counters[lane];
        const { dropped, oldest, rows, bytes: size } = reply.lanes[lane];
        const base = { lane, accepted, elided, dropped, acknowledged: delivered[lane].seq };
        if (!isStoredLane(lane)) {
          const memory = memoryLanes[lane];
          const { superseded } = memory;
          const first = memory.oldest(time);
          const age = { oldest: first?.wall, oldestAge: first?.age };
          return { ...base, rows: memory.rows, bytes: bytes(memory.bytes), superseded, ...age };
        }
        const inMemory = waiting[STORED_LANES.indexOf(lane)] ?? [];
        const [next] = inMemory;
        const first = oldest ?? (next && oldestOf(acceptance(next.row), time));
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
          mode: deps.mode.mode,
          reason: deps.mode.reason ?? queue.failure?.message,
          commits: reply.commits,
          commitTime: reply.commitTime && {
            p50: millis(reply.commitTime.p50),
            p99: millis(reply.commitTime.p99),
          },
        },
      };
    },

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
      const time = clock.monotonic();
      schedule.acknowledge(lane, seq, time);
      if (!isStoredLane(lane)) memoryLanes[lane].acknowledge(seq);
      const elided = queue.acknowledge(lane, delivered[lane]);
      counters[lane].elided += elided.length;
      held.add(elided, time);
      if (elided.length > 0) quota.recount(stored.current, queue.waiting("standard"));
    },

    rewind: async (lane, to) => {
      if (to.seq >= delivered[lane].seq) return;
      if (isStoredLane(lane)) {
        // Only what the database knows to be acknowledged can be taken back from it.
        await queue.flush();
        const rows = lane === "standard" ? held.takeAbove(to.seq) : [];
        const gone = lane === "standard" ? held.gone : 0;
        try {
          stored.update(await client.call<"rewind">({ kind: "rewind", now: now(), lane, to, rows, gone }));
        } catch (error) {
          held.add(rows, clock.monotonic());
          throw error;
        }
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
      stored.update(await client.call<"refuse">({ kind: "refuse", now: now(), lane, seq }));
    },

    acknowledged: async (lane) => delivered[lane],

    reportLosses: () => {
      if (stored.current.unreported) queue.report();
    },

    onReadable: (listener) => readers.add(listener),

    handOver: async (id, upTo) => {
      await queue.flush();
      const reply = await client.call<"hand-over">({ kind: "hand-over", now: now(), id, upTo });
      stored.update(reply);
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
        const row = makeRecord(message, stamp);
        counters[row.lane].accepted += 1;
        return row;
      });
      const write = { kind: "put-state", name: importName(id), value: String(progress) } as const;
      await queue.writeTogether(
        rows.filter(({ lane }) => isStoredLane(lane)),
        write,
      );
    },
  };
}

const importName = (id: string): string => `import:${id}`;
