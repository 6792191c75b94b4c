import { LANES, type Lane, type LaneStats, type LedgerEntry, type OutboxRow } from "../../domain/outbox.ts";
import { bytes, type Bytes } from "../../domain/units.ts";
import type { OutboxSource } from "../../host/ports.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Outbox } from "../../provider/services.ts";
import { checkSequence, checkSize, stampNow, wallNow } from "./admission.ts";
import { outboxFull } from "./commit-queue.ts";
import { continues } from "./ledger.ts";
import type { Readers } from "./readers.ts";
import { makeRecord, recordSizes, rowCost, type RowRecord } from "./row.ts";
import { createSequencer } from "./sequencer.ts";

export interface MemoryOutboxDeps {
  readonly clock: Clock;
  readonly cap: Bytes;
  readonly maxMessage: Bytes;
  readonly storeId: string;
  readonly bootId: string;
  readonly readers: Readers;
}

interface MemoryLane {
  /** Oldest first. */
  rows: OutboxRow[];
  bytes: number;
  acknowledged: number;
  offered: number;
  dropped: number;
}

/** The outbox in memory: the same rules as on disk, with every message committed at once. */
export function createMemoryOutbox(deps: MemoryOutboxDeps): Outbox & OutboxSource {
  const { clock, cap, readers, storeId, bootId } = deps;
  const sequencer = createSequencer(0);
  const emptyLane = (): MemoryLane => ({ rows: [], bytes: 0, acknowledged: 0, offered: 0, dropped: 0 });
  const lanes: Readonly<Record<Lane, MemoryLane>> = { critical: emptyLane(), standard: emptyLane() };
  const ledger: LedgerEntry[] = [];
  let commits = 0;

  const drop = (row: OutboxRow, reason: "cap" | "refused"): void => {
    const lane = lanes[row.lane];
    lane.rows = lane.rows.filter((other) => other !== row);
    lane.bytes -= costOf(row);
    lane.dropped += 1;
    const loss = { lane: row.lane, from: row.seq, to: row.seq, count: 1, bytes: costOf(row), reason };
    const below = ledger
      .filter((entry) => entry.lane === row.lane && entry.to < row.seq)
      .reduce<LedgerEntry | undefined>(
        (best, entry) => (best !== undefined && best.to > entry.to ? best : entry),
        undefined,
      );
    const hasBetween = (after: number, before: number): boolean =>
      lane.rows.some(({ seq }) => seq > after && seq < before);
    const wall = wallNow(clock);
    if (below === undefined || !continues(below, loss, { acknowledged: lane.acknowledged, hasBetween })) {
      ledger.push({ ...loss, id: ledger.length + 1, wall });
      return;
    }
    const size = bytes(below.bytes + loss.bytes);
    ledger[ledger.indexOf(below)] = { ...below, to: loss.to, count: below.count + 1, bytes: size, wall };
  };
  const enforceCap = (): void => {
    const { standard, critical } = lanes;
    while (standard.bytes + critical.bytes > cap) {
      const row = standard.rows.find(({ seq }) => seq > standard.offered) ?? standard.rows[0];
      if (row === undefined) return;
      drop(row, "cap");
    }
  };
  const append = (record: RowRecord): void => {
    const { lane: name, headers, ...rest } = record;
    const lane = lanes[name];
    lane.rows.push({ ...rest, lane: name, headers: JSON.parse(headers) as Record<string, string>, bootId });
    lane.bytes += rowCost(recordSizes(record));
    commits += 1;
    enforceCap();
    queueMicrotask(() => readers.notify([name]));
  };

  return {
    storeId,
    publish: async (message) => {
      const stamp = { seq: sequencer.next(), ...stampNow(clock) };
      const record = makeRecord(message, stamp);
      checkSize(record, deps);
      if (lanes.critical.bytes + rowCost(recordSizes(record)) > cap) throw outboxFull(message.lane);
      append(record);
      return { outcome: message.lane === "critical" ? "durable" : "buffered", seq: stamp.seq };
    },
    stats: async () => ({
      lanes: LANES.map((name): LaneStats => {
        const { rows, bytes: size, acknowledged, dropped } = lanes[name];
        return { lane: name, rows: rows.length, bytes: bytes(size), oldest: rows[0]?.wall, acknowledged, dropped };
      }),
      bytes: bytes(lanes.critical.bytes + lanes.standard.bytes),
      cap,
      lastSeq: sequencer.last,
      commits,
    }),
    ledger: async () => [...ledger],
    read: async (name, after, limit) => {
      const lane = lanes[name];
      const found: OutboxRow[] = [];
      let size = 0;
      for (const row of lane.rows) {
        if (found.length >= limit.rows || (found.length > 0 && size >= limit.bytes)) break;
        if (row.seq <= Math.max(after, lane.acknowledged)) continue;
        found.push({ ...row, body: row.body.slice() });
        size += costOf(row);
      }
      lane.offered = Math.max(lane.offered, found.at(-1)?.seq ?? 0);
      return found;
    },
    acknowledge: async (name, seq) => {
      checkSequence(seq);
      const lane = lanes[name];
      if (seq <= lane.acknowledged) return;
      sequencer.raise(seq);
      lane.acknowledged = seq;
      lane.rows = lane.rows.filter((row) => row.seq > seq);
      lane.bytes = lane.rows.reduce((sum, row) => sum + costOf(row), 0);
    },
    refuse: async (name, seq) => {
      const row = lanes[name].rows.find((one) => one.seq === seq);
      if (row !== undefined) drop(row, "refused");
    },
    acknowledged: async (name) => lanes[name].acknowledged,
    onReadable: (listener) => readers.add(listener),
  };
}

function costOf(row: OutboxRow): Bytes {
  return rowCost(recordSizes({ ...row, headers: JSON.stringify(row.headers) }));
}
