import { crc32 } from "node:zlib";
import type { Lane, OutboxMessage } from "../../domain/outbox.ts";
import { bytes, type Bytes, type Millis } from "../../domain/units.ts";

/** A message with its sequence and stamps, as it travels to the store worker. */
export interface RowRecord {
  readonly lane: Lane;
  readonly seq: number;
  /** Milliseconds since boot. */
  readonly monotonic: Millis;
  readonly wall: Millis;
  /** How long it is worth sending; null for ever. */
  readonly ttl: number | null;
  /** Who published it; empty for the agent itself. */
  readonly owner: string;
  readonly subject: string;
  /** JSON object. */
  readonly headers: string;
  readonly body: Uint8Array;
}

export type RowStamp = Pick<RowRecord, "seq" | "monotonic" | "wall" | "ttl">;

const NO_HEADERS = "{}";

/** Takes a copy of the message: the caller may change or reuse its buffers once `publish` was called. */
export function makeRecord(message: OutboxMessage, stamp: RowStamp): RowRecord {
  return {
    lane: message.lane,
    ...stamp,
    owner: message.owner?.toWellFormed() ?? "",
    // What is not well-formed would come back from the database as another text, and fail its checksum.
    subject: message.subject.toWellFormed(),
    headers: JSON.stringify(message.headers),
    // A view on a larger buffer, as Buffer.from makes them, would drag the whole of it through every structured clone.
    body: new Uint8Array(message.body),
  };
}

export function parseHeaders(headers: string): Record<string, string> {
  // The checksum says that this is the text that was made from such an object.
  return headers === NO_HEADERS ? {} : (JSON.parse(headers) as Record<string, string>);
}

/** Checksum over everything a row says; SQLite itself does not notice a bit that flipped on the card. */
export function rowChecksum(row: RowRecord, boot: number): number {
  const { lane, seq, monotonic, wall, ttl, owner, subject, headers, body } = row;
  return crc32(body, crc32(JSON.stringify([lane, seq, boot, monotonic, wall, ttl, owner, subject, headers])));
}

/** Lengths in UTF-8 bytes. */
export interface RowSizes {
  readonly owner: number;
  readonly subject: number;
  readonly headers: number;
  readonly body: number;
}

export function recordSizes(row: RowRecord): RowSizes {
  return {
    owner: Buffer.byteLength(row.owner),
    subject: Buffer.byteLength(row.subject),
    headers: Buffer.byteLength(row.headers),
    body: row.body.byteLength,
  };
}

export const PAGE_SIZE = 4096;
/** A leaf page without its header. */
const LEAF = PAGE_SIZE - 8;
/** Largest record that stays on its leaf page: U-35 in the file format. */
const MAX_LOCAL = PAGE_SIZE - 35;
/** What stays on the leaf page of a larger one at least: ((U-12)*32/255)-23. */
const MIN_LOCAL = 489;
const OVERFLOW = PAGE_SIZE - 4;
/** Record header, sequence, boot, two stamps, limit, cost, checksum, cell header and pointer. */
const ROW_OVERHEAD = 56;

/**
 * Bytes that a row takes in the database file: payload, overhead and its share of what its pages leave empty. The cap
 * of the outbox counts these, because it is the disk that must not fill up.
 */
export function rowCost(sizes: RowSizes): Bytes {
  const record = sizes.owner + sizes.subject + sizes.headers + sizes.body + ROW_OVERHEAD;
  if (record <= MAX_LOCAL) return bytes(pageShare(record));
  // https://www.sqlite.org/fileformat2.html#cell_payload_overflow_pages
  const fitting = MIN_LOCAL + ((record - MIN_LOCAL) % OVERFLOW);
  const local = fitting <= MAX_LOCAL ? fitting : MIN_LOCAL;
  return bytes(pageShare(local + 4) + Math.ceil((record - local) / OVERFLOW) * PAGE_SIZE);
}

export function costOf(row: RowRecord): Bytes {
  return rowCost(recordSizes(row));
}

function pageShare(cell: number): number {
  return Math.floor(PAGE_SIZE / Math.max(1, Math.floor(LEAF / cell)));
}
