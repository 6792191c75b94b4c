import type { InboundMessage, StreamPosition } from "../../domain/inbox.ts";
import { bytes, type Bytes, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { KeyValueStore } from "../../provider/services.ts";
import { noteAfterCrash } from "./attempts.ts";
import {
  decodeNote,
  decodeRecord,
  encodeNote,
  encodeRecord,
  FRESH,
  messageKey,
  noteKey,
  positionOf,
  type Note,
} from "./record.ts";

/** A stored message without its body, which stays on disk until it is needed. */
export interface Entry {
  readonly position: number;
  readonly subject: string;
  readonly origin: StreamPosition;
  readonly size: Bytes;
  /** When this process first saw it, on the monotonic clock. */
  readonly seen: Millis;
  note: Note;
  /** The next attempt is not made before. */
  due: Millis;
  /** A component has handled it; only its removal is left, which may be under way. */
  handled: boolean;
  removing: boolean;
}

/** The stored messages. What resolves is on disk. */
export interface Shelf {
  /** Oldest first; those given up among them. */
  readonly entries: readonly Entry[];
  /** Where the message that was stored last stood in the hub's stream. */
  readonly last: StreamPosition | undefined;
  /** One call at a time. @throws PetioleError ERR_STORE_FAILED */
  add(message: InboundMessage, begun: boolean): Promise<Entry>;
  /** Undefined when it cannot be read any more. */
  body(entry: Entry): Promise<Uint8Array | undefined>;
  /** Takes effect in memory whether or not it can be written. @throws PetioleError ERR_STORE_FAILED */
  note(entry: Entry, note: Note): Promise<void>;
  /** @throws PetioleError ERR_STORE_FAILED */
  remove(entry: Entry): Promise<void>;
}

export interface ShelfDeps {
  readonly bucket: string;
  /** What of the bodies may be in memory, so that they need not be read. */
  readonly cache: Bytes;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly log: Logger;
}

const PAGE = 500;
const READ_ALONG = 31;

/** Reads what the store holds. Messages whose handling was interrupted by the end of the agent are marked so. */
export async function openShelf({ bucket, cache, keyValue, clock, log }: ShelfDeps): Promise<Shelf> {
  const keys = await listKeys(bucket, keyValue);
  const messages = keys.filter((key) => key.startsWith("m."));
  const known = new Set(messages.map(positionOf));
  const entries: Entry[] = [];
  let last: StreamPosition | undefined;
  let next = 1 + Math.max(0, ...known);
  // Keys that nothing needs any more. They go with the next write, which costs no commit of its own.
  let litter = keys.filter((key) => !key.startsWith("m.") && !known.has(positionOf(key)));
  /** The position's own key is a marker. */
  let marked: number | undefined;

  for (const key of messages) {
    const value = await keyValue.get(bucket, key);
    const record = value === undefined ? undefined : decodeRecord(value);
    if (record === undefined) {
      log.error("A stored message cannot be read and is dropped", { key });
      litter.push(key);
      continue;
    }
    last = record.origin;
    const position = positionOf(key);
    if (marked !== undefined) litter.push(messageKey(marked));
    marked = record.kind === "marker" ? position : undefined;
    if (record.kind === "marker") continue;
    const written = await keyValue.get(bucket, noteKey(position));
    const note = (written === undefined ? undefined : decodeNote(written)) ?? { ...FRESH, begun: record.begun };
    entries.push({
      position,
      subject: record.subject,
      origin: record.origin,
      size: bytes(record.body.length),
      seen: clock.monotonic(),
      note: noteAfterCrash(note),
      due: clock.monotonic(),
      handled: false,
      removing: false,
    });
  }

  const bodies = new Map<Entry, Uint8Array>();
  let cached = 0;

  function keep(entry: Entry, body: Uint8Array): void {
    if (bodies.has(entry) || cached + body.length > cache) return;
    bodies.set(entry, body);
    cached += body.length;
  }

  function drop(entry: Entry): void {
    cached -= bodies.get(entry)?.length ?? 0;
    bodies.delete(entry);
  }

  async function read({ position }: Entry): Promise<Uint8Array | undefined> {
    const value = await keyValue.get(bucket, messageKey(position));
    const record = value === undefined ? undefined : decodeRecord(value);
    return record?.kind === "message" ? record.body : undefined;
  }

  /** A read waits for the writes before it, so those that come next are read along, as far as there is room for them. */
  function nextAfter(entry: Entry): Entry[] {
    let room = cache - cached;
    const from = entries.indexOf(entry) + 1;
    return entries.slice(from, from + READ_ALONG).filter((one) => {
      if (one.note.dead || one.removing || bodies.has(one) || one.size > room) return false;
      room -= one.size;
      return true;
    });
  }

  /** Within the same turn of the event loop as another write, so that they share a commit. */
  function sweep(): void {
    const keys = litter;
    litter = [];
    for (const key of keys) {
      keyValue.delete(bucket, key).catch(() => litter.push(key));
    }
  }

  return {
    entries,
    get last() {
      return last;
    },

    async add({ subject, body, origin }, begun) {
      const position = next++;
      const written = keyValue.set(
        bucket,
        messageKey(position),
        encodeRecord({ kind: "message", subject, body, origin, begun }),
      );
      await written;
      last = origin;
      // Only now that a newer key is on disk may the marker go.
      if (marked !== undefined) litter.push(messageKey(marked));
      marked = undefined;
      const now = clock.monotonic();
      const note = { ...FRESH, begun };
      const size = bytes(body.length);
      const entry = { position, subject, origin, size, seen: now, note, due: now, handled: false, removing: false };
      entries.push(entry);
      keep(entry, body);
      return entry;
    },

    async body(entry) {
      const kept = bodies.get(entry);
      if (kept !== undefined) return kept;
      const next = nextAfter(entry);
      const [body, ...others] = await Promise.all([entry, ...next].map(read));
      for (const [index, one] of next.entries()) {
        const found = others[index];
        if (found !== undefined && entries.includes(one)) keep(one, found);
      }
      return body;
    },

    async note(entry, note) {
      entry.note = note;
      if (note.dead) drop(entry);
      const written = keyValue.set(bucket, noteKey(entry.position), encodeNote(note));
      sweep();
      await written;
    },

    async remove(entry) {
      const { position, origin } = entry;
      drop(entry);
      const key = messageKey(position);
      // The newest key says what was stored last, so it stays.
      const isNewest = entries.at(-1) === entry && marked === undefined;
      const removed = isNewest
        ? keyValue.set(bucket, key, encodeRecord({ kind: "marker", origin }))
        : keyValue.delete(bucket, key);
      const noted = keyValue.delete(bucket, noteKey(position));
      sweep();
      await Promise.all([removed, noted]);
      const at = entries.indexOf(entry);
      // Of two that forget what was given up, each may have found it.
      if (at >= 0) entries.splice(at, 1);
      if (!isNewest) return;
      // A newer message may have been stored meanwhile: then nothing needs this marker.
      if (entries.some((other) => other.position > position)) litter.push(key);
      else marked = position;
    },
  };
}

async function listKeys(bucket: string, keyValue: KeyValueStore): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const page = await keyValue.keys(bucket, found.at(-1), PAGE);
    found.push(...page);
    if (page.length < PAGE) return found;
  }
}
