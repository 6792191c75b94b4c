import type { Digest } from "../../domain/workload.ts";
import type { StoredFile } from "./cache-folder.ts";

export interface EvictionInput {
  readonly blobs: readonly StoredFile[];
  readonly parts: readonly StoredFile[];
  /** What components have, had before, and are getting. */
  readonly kept: ReadonlySet<Digest>;
  /** Bytes that may be there afterwards. */
  readonly room: number;
  readonly now: number;
}

export interface Eviction {
  readonly blobs: readonly StoredFile[];
  readonly parts: readonly StoredFile[];
  /** Bytes that are there afterwards. More than the room when all of it is kept. */
  readonly left: number;
}

/** What has come of a download is worth so long. */
const PART_AGE = 7 * 24 * 3_600_000;
/** A younger one may be growing at this moment. */
const PART_REST = 3_600_000;

/** What goes, so that the rest fits: parts that nobody goes on with, then what was not used for the longest time. */
export function planEviction({ blobs, parts, kept, room, now }: EvictionInput): Eviction {
  const total = [...blobs, ...parts].reduce((sum, { size }) => sum + size, 0);
  const oldest = (a: StoredFile, b: StoredFile): number => a.usedAt - b.usedAt;
  const idle = parts.filter(({ content, usedAt }) => !kept.has(content) && now - usedAt > PART_REST).sort(oldest);
  const unused = blobs.filter(({ content }) => !kept.has(content)).sort(oldest);
  let left = total;
  const going = { blobs: [] as StoredFile[], parts: [] as StoredFile[] };
  for (const part of idle) {
    if (left <= room && now - part.usedAt <= PART_AGE) continue;
    going.parts.push(part);
    left -= part.size;
  }
  for (const blob of unused) {
    if (left <= room) break;
    going.blobs.push(blob);
    left -= blob.size;
  }
  return { ...going, left };
}
