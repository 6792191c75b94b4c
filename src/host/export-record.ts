// What an agent remembers of its exports, so that a crash on either side of the hand-over is told from the other.

import type { Lane } from "../domain/outbox.ts";
import type { TransferTotals } from "../domain/outbox-report.ts";
import type { StateStore } from "./ports.ts";

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
/** Set by the store, in the commit that ends the rows. */
const handedOverName = (id: string): string => `export:${id}`;
const recordName = (id: string): string => `export-record:${id}`;

export interface ExportRecords {
  /** Written down before the hand-over. */
  begin(record: ExportRecord): Promise<void>;
  current(): Promise<ExportRecord | undefined>;
  /** The file is whole. */
  end(): Promise<void>;
  /** Whether the rows of an export have left the store. */
  isHandedOver(id: string): Promise<boolean>;
  /** The record of an export whose rows have left the store. */
  find(id: string): Promise<ExportRecord | undefined>;
  /**
   * Finds out whether the export that was begun last has handed its rows over; if so, its record is kept for good, and
   * it stays the current one until its file is whole.
   */
  settle(): Promise<"none" | "handed-over" | "not-handed-over">;
}

export function createExportRecords(state: StateStore): ExportRecords {
  const load = async (name: string): Promise<ExportRecord | undefined> => {
    const text = await state.load(name);
    // Written by save() below, on this device.
    return text === undefined ? undefined : (JSON.parse(text) as ExportRecord);
  };
  const save = async (name: string, record: ExportRecord): Promise<void> =>
    await state.save(name, JSON.stringify(record));
  const isHandedOver = async (id: string): Promise<boolean> => (await state.load(handedOverName(id))) !== undefined;

  return {
    begin: (record) => save(CURRENT, record),
    current: () => load(CURRENT),
    end: () => state.save(CURRENT, undefined),
    isHandedOver,
    find: async (id) => ((await isHandedOver(id)) ? await load(recordName(id)) : undefined),
    async settle() {
      const record = await load(CURRENT);
      if (record === undefined) return "none";
      if (await isHandedOver(record.id)) {
        if ((await load(recordName(record.id))) === undefined) await save(recordName(record.id), record);
        return "handed-over";
      }
      await state.save(CURRENT, undefined);
      return "not-handed-over";
    },
  };
}
