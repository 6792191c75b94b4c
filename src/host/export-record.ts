// What an agent remembers of its exports, so that a crash on either side of the hand-over is told from the other.

import { LANES, type Lane } from "../domain/outbox.ts";
import type { TransferTotals } from "../domain/outbox-report.ts";
import type { OutboxSource, StateStore } from "./ports.ts";
import { anyWaits } from "./waiting-rows.ts";

export interface ExportRecord {
  readonly id: string;
  /** Absolute path that the file has, or will have. */
  readonly file: string;
  /** The last row of each lane in it. */
  readonly upTo: Readonly<Partial<Record<Lane, number>>>;
  readonly totals: TransferTotals;
  /** Bytes before the trailer, and their SHA-256. */
  readonly size: number;
  readonly sha256: string;
}

/** The export that is going on, or that was broken off. */
const CURRENT = "outbox-export";
const handedOver = (id: string): string => `export:${id}`;

export interface ExportRecords {
  /** Written down before the hand-over. */
  begin(record: ExportRecord): Promise<void>;
  current(): Promise<ExportRecord | undefined>;
  /** The rows of `record` have left the store, for good. */
  handedOver(record: ExportRecord): Promise<void>;
  /** The file is whole, or there will be none. */
  end(): Promise<void>;
  /** The record of an export whose rows have left the store. */
  find(id: string): Promise<ExportRecord | undefined>;
  /**
   * Finds out whether an export that was broken off had handed its rows over. Must run before anything else can end
   * these rows, such as a forwarder: the hand-over takes all of them or none, so rows that wait still tell that it did
   * not happen.
   */
  settle(): Promise<"none" | "handed-over" | "not-handed-over">;
}

export function createExportRecords(state: StateStore, source: OutboxSource): ExportRecords {
  const load = async (name: string): Promise<ExportRecord | undefined> => {
    const text = await state.load(name);
    // Written by save() below, on this device.
    return text === undefined ? undefined : (JSON.parse(text) as ExportRecord);
  };
  const save = async (name: string, record: ExportRecord | undefined): Promise<void> =>
    await state.save(name, record === undefined ? undefined : JSON.stringify(record));

  return {
    begin: (record) => save(CURRENT, record),
    current: () => load(CURRENT),
    handedOver: (record) => save(handedOver(record.id), record),
    end: () => save(CURRENT, undefined),
    find: (id) => load(handedOver(id)),
    async settle() {
      const record = await load(CURRENT);
      if (record === undefined) return "none";
      if ((await load(handedOver(record.id))) !== undefined) return "handed-over";
      for (const lane of LANES) {
        if (!(await anyWaits(source, lane, record.upTo[lane] ?? 0))) continue;
        await save(CURRENT, undefined);
        return "not-handed-over";
      }
      await save(handedOver(record.id), record);
      return "handed-over";
    },
  };
}
