import type { Lane, OutboxRow } from "../../domain/outbox.ts";
import { millis, type Bytes } from "../../domain/units.ts";
import type { LoadedRow, MemoryLoss } from "./protocol.ts";
import { acceptedAt, isExpired, oldestOf, type Accepted, type Now, type Oldest } from "./row-age.ts";
import { costOf, parseHeaders, type RowRecord } from "./row.ts";

interface Entry {
  readonly row: RowRecord;
  readonly cost: number;
  readonly bootId: string;
  readonly thisBoot: boolean;
  /** Of an earlier boot; this one's may come to be known yet. */
  readonly offset: number | undefined;
}

export interface MemoryLaneOptions {
  readonly lane: Lane;
  /** Keep the newest message of each subject only. */
  readonly onePerSubject: boolean;
  readonly maxBytes: Bytes;
  readonly bootId: string;
  /** What to add to the time since this boot for Unix time; undefined as long as nobody knows. */
  readonly bootOffset: () => number | undefined;
  readonly onLoss: (loss: MemoryLoss) => void;
  /** A message is not waiting any more: delivered, lost or, with `onePerSubject`, replaced. */
  readonly onGone: (row: RowRecord) => void;
}

/** A lane whose waiting messages are in memory, oldest first. */
export interface MemoryLane {
  readonly rows: number;
  readonly bytes: number;
  readonly superseded: number;
  add(row: RowRecord): void;
  /** What an earlier process left, oldest first. */
  load(rows: readonly LoadedRow[]): void;
  /** Rows above `after`; expired ones are dropped. */
  read(after: number, limit: { readonly rows: number; readonly bytes: number }, now: Now): OutboxRow[];
  acknowledge(upTo: number): void;
  refuse(seq: number): void;
  oldest(now: Now): Oldest | undefined;
  /** What the waiting messages of one publisher take. */
  bytesOf(owner: string): number;
}

export function createMemoryLane(options: MemoryLaneOptions): MemoryLane {
  const { lane, onePerSubject, maxBytes, bootId, onLoss, onGone } = options;
  // A map keeps the order of insertion, which is the order of sequences.
  const entries = new Map<number, Entry>();
  const bySubject = new Map<string, number>();
  const owners = new Map<string, number>();
  let bytes = 0;
  let superseded = 0;

  const count = ({ row: { owner }, cost }: Entry, sign: 1 | -1): void => {
    bytes += sign * cost;
    const left = (owners.get(owner) ?? 0) + sign * cost;
    if (left > 0) owners.set(owner, left);
    else owners.delete(owner);
  };

  const take = (seq: number): Entry | undefined => {
    const entry = entries.get(seq);
    if (entry === undefined) return undefined;
    entries.delete(seq);
    count(entry, -1);
    if (bySubject.get(entry.row.subject) === seq) bySubject.delete(entry.row.subject);
    onGone(entry.row);
    return entry;
  };
  const lose = (seq: number, reason: MemoryLoss["reason"]): void => {
    const entry = take(seq);
    if (entry !== undefined) onLoss({ lane, from: seq, to: seq, count: 1, bytes: entry.cost, reason });
  };
  const put = (entry: Entry): void => {
    const { seq, subject } = entry.row;
    const older = onePerSubject ? bySubject.get(subject) : undefined;
    if (older !== undefined) {
      superseded += 1;
      take(older);
    }
    entries.set(seq, entry);
    bySubject.set(subject, seq);
    count(entry, 1);
    for (const [oldest] of entries) {
      if (bytes <= maxBytes) return;
      lose(oldest, "cap");
    }
  };
  const acceptance = ({ row, thisBoot, offset }: Entry): Accepted => {
    const { monotonic, wall } = row;
    return { monotonic, wall, thisBoot, offset: thisBoot ? options.bootOffset() : offset };
  };

  return {
    get rows() {
      return entries.size;
    },
    get bytes() {
      return bytes;
    },
    get superseded() {
      return superseded;
    },
    add: (row) => put({ row, cost: costOf(row), bootId, thisBoot: true, offset: undefined }),
    load: (loaded) => {
      for (const { row, boot, thisBoot } of loaded) {
        put({ row, cost: costOf(row), bootId: boot.id, thisBoot, offset: boot.offset });
      }
    },
    read: (after, limit, now) => {
      const found: OutboxRow[] = [];
      let size = 0;
      for (const [seq, entry] of entries) {
        if (seq <= after) continue;
        const accepted = acceptance(entry);
        if (isExpired(entry.row.ttl, accepted, now)) {
          lose(seq, "expired");
          continue;
        }
        if (found.length >= limit.rows || (found.length > 0 && size >= limit.bytes)) break;
        const { headers, ttl, ...row } = entry.row;
        found.push({
          ...row,
          ttl: ttl === null ? undefined : millis(ttl),
          headers: parseHeaders(headers),
          bootId: entry.bootId,
          ...acceptedAt(accepted),
        });
        size += entry.cost;
      }
      return found;
    },
    acknowledge: (upTo) => {
      for (const seq of entries.keys()) {
        if (seq > upTo) return;
        take(seq);
      }
    },
    refuse: (seq) => lose(seq, "refused"),
    bytesOf: (owner) => owners.get(owner) ?? 0,
    oldest: (now) => {
      for (const entry of entries.values()) return oldestOf(acceptance(entry), now);
      return undefined;
    },
  };
}
