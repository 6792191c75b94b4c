// How an inbox looks in the store. One key-value bucket, two kinds of keys:
//
//   m.<position>  a message, or, once it was handled, what is left of the newest one: where it stood in the stream
//   n.<position>  what became of it so far: attempts, and why it was given up
//
// Positions are the inbox's own and grow. The newest `m` key always stays, because it says which message of the stream
// was stored last: message and position in one value, so that no crash can part them.

import type { StreamPosition } from "../../domain/inbox.ts";

export interface StoredMessage {
  readonly kind: "message";
  readonly subject: string;
  readonly body: Uint8Array;
  readonly origin: StreamPosition;
  /** It was handed over in the same moment: after a crash nobody knows whether it was handled. */
  readonly begun: boolean;
}

/** Stands in the place of the newest message once that was handled. */
interface Marker {
  readonly kind: "marker";
  readonly origin: StreamPosition;
}

export interface Note {
  /** Attempts that failed. */
  readonly failures: number;
  /** Another attempt was begun. */
  readonly begun: boolean;
  /** What the last failed attempt failed with. */
  readonly reason: string | undefined;
  /** Given up. */
  readonly dead: boolean;
}

export const FRESH: Note = { failures: 0, begun: false, reason: undefined, dead: false };

// With spaces: buckets of components have a "/" in their names, and no spaces.
export const BUCKET = "petiole inbox";
export const bucketOf = (provider: string): string => `${BUCKET} ${provider}`;
const DIGITS = 16;

export const messageKey = (position: number): string => `m.${String(position).padStart(DIGITS, "0")}`;
export const noteKey = (position: number): string => `n.${String(position).padStart(DIGITS, "0")}`;
export const positionOf = (key: string): number => Number(key.slice(2));

const HEAD = 4;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Four bytes of length, JSON of that length, then the body. */
export function encodeRecord(record: StoredMessage | Marker): Uint8Array {
  const { stream, created, seq, time } = record.origin;
  const origin = { stream, created, seq, time: time.toString() };
  const about =
    record.kind === "marker"
      ? { kind: record.kind, origin }
      : { kind: record.kind, origin, subject: record.subject, begun: record.begun };
  const json = encoder.encode(JSON.stringify(about));
  const body = record.kind === "message" ? record.body : new Uint8Array();
  const value = new Uint8Array(HEAD + json.length + body.length);
  new DataView(value.buffer).setUint32(0, json.length);
  value.set(json, HEAD);
  value.set(body, HEAD + json.length);
  return value;
}

/** Undefined for what cannot be one. */
export function decodeRecord(value: Uint8Array): StoredMessage | Marker | undefined {
  try {
    const length = new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0);
    const about = readObject(JSON.parse(decoder.decode(value.subarray(HEAD, HEAD + length))));
    const { stream, created, seq, time } = readObject(about["origin"]);
    if (typeof stream !== "string" || typeof created !== "string" || typeof time !== "string") return undefined;
    if (typeof seq !== "number" || !Number.isSafeInteger(seq)) return undefined;
    const origin = { stream, created, seq, time: BigInt(time) };
    const { kind, subject, begun } = about;
    if (kind === "marker") return { kind, origin };
    if (kind !== "message" || typeof subject !== "string") return undefined;
    return { kind, origin, subject, begun: begun === true, body: value.slice(HEAD + length) };
  } catch {
    return undefined;
  }
}

export function encodeNote(note: Note): Uint8Array {
  return encoder.encode(JSON.stringify(note));
}

/** Undefined for what cannot be one. */
export function decodeNote(value: Uint8Array): Note | undefined {
  try {
    const { failures, begun, reason, dead } = readObject(JSON.parse(decoder.decode(value)));
    if (typeof failures !== "number" || !Number.isSafeInteger(failures) || failures < 0) return undefined;
    return {
      failures,
      begun: begun === true,
      reason: typeof reason === "string" ? reason : undefined,
      dead: dead === true,
    };
  } catch {
    return undefined;
  }
}

function readObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new TypeError("not an object");
}
