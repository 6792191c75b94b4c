import type { Delivered, Lane, OutboxRow } from "../../src/domain/outbox.ts";
import { millis } from "../../src/domain/units.ts";
import type { OutboxSource } from "../../src/host/ports.ts";

/** An outbox in memory: what forwarder tests fill and look into. It forgets nothing unless told to. */
export interface MemoryOutbox extends OutboxSource {
  add(lane: Lane, subject: string, body?: string, headers?: Readonly<Record<string, string>>): number;
  rows(lane: Lane): readonly OutboxRow[];
  /** Drops a row as a full outbox does. */
  drop(seq: number): void;
  /** From now on acknowledgements are lost, as when the agent dies before it can write them. */
  loseAcknowledgements(lose: boolean): void;
  acknowledgedNow(lane: Lane): number;
  /** Largest number of rows handed out by one `read`. */
  largestRead(): number;
}

let stores = 0;

/** Keeps everything it was given and lets tests interfere, which the store's own outbox in memory does not. */
export function createMemoryOutbox(storeId = `store-${process.pid}-${(stores += 1)}`): MemoryOutbox {
  let rows: OutboxRow[] = [];
  let seq = 0;
  let losing = false;
  let largest = 0;
  const acknowledged = new Map<Lane, Delivered>();
  const listeners = new Set<(lane: Lane) => void>();
  return {
    storeId,
    bootId: "boot",
    add: (lane, subject, body = `${lane} ${subject} ${seq + 1}`, headers = {}) => {
      seq += 1;
      rows.push({
        lane,
        subject,
        body: new TextEncoder().encode(body),
        headers,
        seq,
        bootId: "boot",
        monotonic: millis(seq),
        wall: millis(1_700_000_000_000 + seq),
        clock: "synced",
      });
      for (const listener of listeners) listener(lane);
      return seq;
    },
    rows: (lane) => rows.filter((row) => row.lane === lane),
    drop: (dropped) => {
      rows = rows.filter((row) => row.seq !== dropped);
    },
    loseAcknowledgements: (lose) => {
      losing = lose;
    },
    acknowledgedNow: (lane) => acknowledged.get(lane)?.seq ?? 0,
    largestRead: () => largest,
    read: async (lane, after, limit) => {
      const found: OutboxRow[] = [];
      let bytes = 0;
      for (const row of rows) {
        if (row.lane !== lane || row.seq <= after) continue;
        if (found.length >= limit.rows || (found.length > 0 && bytes >= limit.bytes)) break;
        found.push(row);
        bytes += row.body.length;
      }
      largest = Math.max(largest, found.length);
      return found;
    },
    acknowledge: async (lane, upTo, hubSeq) => {
      if (losing || upTo <= (acknowledged.get(lane)?.seq ?? 0)) return;
      acknowledged.set(lane, { seq: upTo, hubSeq });
    },
    rewind: async (lane, to) => void acknowledged.set(lane, to),
    reportLosses: () => {},
    refuse: async (_lane, refused) => {
      rows = rows.filter((row) => row.seq !== refused);
    },
    acknowledged: async (lane) => acknowledged.get(lane) ?? { seq: 0, hubSeq: undefined },
    onReadable: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
}
