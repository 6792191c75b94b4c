// The device's own copy of a bucket of the hub: what it works with while the hub is away. Pure, but for being changed.

import { z } from "zod";

interface Entry {
  /** Undefined when the key was deleted. */
  readonly value: string | undefined;
  /** Of the hub's value that this one is, or that it was made on top of; 0 when the hub had none. */
  readonly revision: number;
  /** The hub was not told of it yet. */
  readonly pending: boolean;
}

/** One value of the hub. */
export interface HubValue {
  readonly key: string;
  readonly revision: number;
  /** Undefined for a deletion. */
  readonly value: string | undefined;
}

export interface PendingChange {
  readonly key: string;
  readonly value: string | undefined;
  /** What the key's revision at the hub must still be. */
  readonly revision: number;
}

export interface Mirror {
  get(key: string): string | undefined;
  /** Of what the key has at the hub, as far as known. */
  revision(key: string): number;
  entries(): [string, string][];
  /** Notes a change that the hub was not told of; false when there is no room for it. */
  changeHere(key: string, value: string | undefined): boolean;
  /** Takes what the hub has, unless there is no room for it. True when the value is another one then. */
  take(value: HubValue): boolean;
  /** Takes that the hub has nothing under this key. True when there was a value. */
  takeAbsence(key: string): boolean;
  /** The bucket is about to be read from the start. `bucket` is when it was made. */
  beginReading(bucket: string): void;
  /** It was read, and has these keys. Keys that are gone are gone here too. True when something changed. */
  endReading(keys: ReadonlySet<string>): boolean;
  pending(): PendingChange[];
  stored(): string;
}

export interface MirrorLimits {
  readonly keys: number;
  /** Characters of keys and values together. */
  readonly size: number;
}

const record = z.object({
  bucket: z.string().optional(),
  entries: z.array(z.tuple([z.string(), z.string().nullable(), z.int(), z.boolean()])),
});

/** `stored` is what an earlier mirror gave; what cannot be one counts as nothing, which the hub will fill. */
export function createMirror(stored: string | undefined, limits: MirrorLimits): Mirror {
  const known = parse(stored);
  const entries = new Map<string, Entry>(
    known.entries.map(([key, value, revision, pending]) => [key, { value: value ?? undefined, revision, pending }]),
  );
  let bucket = known.bucket;
  let size = 0;
  for (const [key, entry] of entries) size += sizeOf(key, entry);

  function set(key: string, entry: Entry): void {
    size += sizeOf(key, entry) - sizeOf(key, entries.get(key));
    entries.set(key, entry);
  }

  function forget(key: string): void {
    size -= sizeOf(key, entries.get(key));
    entries.delete(key);
  }

  const hasRoom = (key: string, value: string | undefined): boolean =>
    value === undefined ||
    ((entries.has(key) || entries.size < limits.keys) && size + key.length + value.length <= limits.size);

  return {
    get: (key) => entries.get(key)?.value,
    revision: (key) => entries.get(key)?.revision ?? 0,
    entries: () => [...entries].flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])),
    changeHere(key, value) {
      if (!hasRoom(key, value)) return false;
      set(key, { value, revision: entries.get(key)?.revision ?? 0, pending: true });
      return true;
    },

    take({ key, revision, value }) {
      const mine = entries.get(key);
      if (mine !== undefined && revision <= mine.revision) return false;
      if (!hasRoom(key, value)) {
        // Rather none than one that is out of date.
        forget(key);
        return mine?.value !== undefined;
      }
      // A deletion is kept as well: the next change has to name its revision.
      set(key, { value, revision, pending: false });
      return mine?.value !== value;
    },

    takeAbsence(key) {
      const had = entries.get(key)?.value !== undefined;
      forget(key);
      return had;
    },

    beginReading(found) {
      if (found === bucket) return;
      // Another bucket counts anew. What only this device still has stays with it: a bucket that was lost takes nothing away.
      for (const [key, { value, pending }] of entries) {
        if (value === undefined && !pending) forget(key);
        else set(key, { value, revision: 0, pending });
      }
      bucket = found;
    },

    endReading(keys) {
      let changed = false;
      for (const [key, { value, revision }] of entries) {
        if (keys.has(key) || revision === 0) continue;
        forget(key);
        changed ||= value !== undefined;
      }
      return changed;
    },

    pending: () =>
      [...entries].flatMap(([key, { value, revision, pending }]) => (pending ? [{ key, value, revision }] : [])),

    stored: () =>
      JSON.stringify({
        bucket,
        entries: [...entries]
          .filter(([, { value, pending }]) => value !== undefined || pending)
          .map(([key, { value, revision, pending }]) => [key, value ?? null, revision, pending]),
      } satisfies z.infer<typeof record>),
  };
}

const sizeOf = (key: string, entry: Entry | undefined): number =>
  entry === undefined ? 0 : key.length + (entry.value?.length ?? 0);

function parse(stored: string | undefined): z.infer<typeof record> {
  if (stored === undefined) return { entries: [] };
  try {
    return record.parse(JSON.parse(stored));
  } catch {
    return { entries: [] };
  }
}
