// A store in memory that can hand messages over and take them in, with power cuts: what each operation would find or
// leave on disk can be taken as a snapshot, and a store made of it.

import type { Lane, OutboxMessage, OutboxRow } from "../../src/domain/outbox.ts";
import { millis } from "../../src/domain/units.ts";
import type { OutboxSource, OutboxTransfer, StateStore } from "../../src/host/ports.ts";

/** What is on disk. */
export interface StoreImage {
  readonly storeId: string;
  rows: OutboxRow[];
  lastSeq: number;
  readonly acknowledged: Map<Lane, number>;
  readonly exported: Map<string, number>;
  readonly imports: Map<string, number>;
  readonly state: Map<string, string>;
}

export interface TransferStore extends OutboxSource, OutboxTransfer, StateStore {
  readonly image: StoreImage;
  add(lane: Lane, subject: string, more?: Partial<OutboxRow>): OutboxRow;
  /** Called before and after everything that changes what is on disk. */
  onChange: ((at: string) => void | Promise<void>) | undefined;
}

let stores = 0;

export function emptyImage(storeId = `store-${(stores += 1)}`): StoreImage {
  return {
    storeId,
    rows: [],
    lastSeq: 0,
    acknowledged: new Map(),
    exported: new Map(),
    imports: new Map(),
    state: new Map(),
  };
}

export function createTransferStore(image: StoreImage = emptyImage()): TransferStore {
  let hook: TransferStore["onChange"];

  const changing = async <T>(what: string, change: () => T): Promise<T> => {
    await hook?.(`before ${what}`);
    const result = change();
    await hook?.(`after ${what}`);
    return result;
  };
  const accept = (message: OutboxMessage, more: Partial<OutboxRow> = {}): OutboxRow => {
    image.lastSeq += 1;
    const seq = image.lastSeq;
    const stamps = { bootId: "boot", monotonic: millis(seq), wall: millis(1_700_000_000_000 + seq) };
    const row = { ...message, body: new Uint8Array(message.body), seq, ...stamps, clock: "synced" as const, ...more };
    image.rows.push(row);
    return row;
  };

  return {
    image,
    storeId: image.storeId,
    bootId: "boot",
    rewind: async (lane, { seq }) => void image.acknowledged.set(lane, seq),
    reportLosses: () => {},
    get onChange() {
      return hook;
    },
    set onChange(listener) {
      hook = listener;
    },
    add: (lane, subject, more = {}) =>
      accept({ lane, subject, body: Buffer.from(`${lane} ${subject} ${image.lastSeq + 1}`), headers: {} }, more),
    read: async (lane, after, limit) => {
      const found: OutboxRow[] = [];
      let size = 0;
      for (const row of image.rows) {
        if (row.lane !== lane || row.seq <= after) continue;
        if (found.length >= limit.rows || (found.length > 0 && size >= limit.bytes)) break;
        found.push(row);
        size += row.body.length;
      }
      return found;
    },
    acknowledge: (lane, seq) =>
      changing("acknowledge", () => {
        image.acknowledged.set(lane, Math.max(seq, image.acknowledged.get(lane) ?? 0));
        image.rows = image.rows.filter((row) => row.lane !== lane || row.seq > seq);
      }),
    refuse: async (_lane, seq) => {
      image.rows = image.rows.filter((row) => row.seq !== seq);
    },
    acknowledged: async (lane) => ({ seq: image.acknowledged.get(lane) ?? 0, hubSeq: undefined }),
    onReadable: () => ({ [Symbol.dispose]: () => {} }),
    handOver: (id, upTo) =>
      changing("handOver", () => {
        const ends = (row: OutboxRow): boolean => row.seq <= (upTo[row.lane] ?? 0);
        const rows = image.rows.filter(ends).length;
        image.rows = image.rows.filter((row) => !ends(row));
        image.exported.set(id, rows);
        image.state.set(`export:${id}`, "1700000000000");
        return { rows };
      }),
    importProgress: async (id) => image.imports.get(id),
    takeIn: (id, progress, messages) =>
      changing("takeIn", () => {
        for (const message of messages) accept(message);
        image.imports.set(id, progress);
      }),
    load: async (name) => image.state.get(name),
    save: (name, value) =>
      changing(`save ${name.replace(/:.*/, "")}`, () => {
        if (value === undefined) image.state.delete(name);
        else image.state.set(name, value);
      }),
  };
}
