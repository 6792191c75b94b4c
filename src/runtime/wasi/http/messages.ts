// What of an HTTP exchange passes between the main thread and a worker. A small request crosses in one message, and so
// does a small response: with the end of its turn. Longer bodies follow in pieces, of which at most BODY_WINDOW bytes
// are under way; the reader gives credit for what it can take.
//
// A structured clone spends most of its time on the keys of objects and on buffers of their own, so what every request
// has goes as tuples, and few bytes go as text.

/** Most bytes of one body that lie in the worker, or are on their way out of it, in either direction. */
export const BODY_WINDOW = 65_536;
/** So many bytes are cheaper as text. */
const MAX_TEXT = 2048;

/** Fields as `packFields` makes them. */
export type PackedFields = string;

/** Up to MAX_TEXT bytes as latin1, of which each character is a byte. */
export type PackedBytes = string | Uint8Array;

export type RequestMessage = readonly [
  /** As on the wire. */
  method: string,
  /** Such as `http`. */
  scheme: string | undefined,
  authority: string | undefined,
  path: string | undefined,
  headers: PackedFields,
  /** Undefined: there is none. True: it follows, as far as there is credit. */
  body: PackedBytes | true | undefined,
];

/** To the worker, about a request that it has. */
export type ExchangeInput =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "end"; readonly trailers: PackedFields | undefined }
  /** The client is gone, or sent more than it may. */
  | { readonly kind: "cut"; readonly reason: CutReason }
  | { readonly kind: "credit"; readonly bytes: number };

export type CutReason = "connection-terminated" | "HTTP-request-body-size" | "HTTP-protocol-error";

/** From the worker: what is new since the last one. */
export interface ExchangeOutput {
  informational?: { readonly status: number; readonly headers: PackedFields }[];
  head?: { readonly status: number; readonly headers: PackedFields };
  chunk?: Uint8Array;
  end?: { readonly trailers: PackedFields | undefined };
  /** The component answered with an error, or gave its body up: why, for people. */
  failed?: string;
  /** Bytes of the request's body that it can take. */
  credit?: number;
}

/** An ExchangeOutput on its way. */
export type OutputMessage = readonly [
  /** 0 when there is none. */
  status: number,
  headers: PackedFields | undefined,
  chunk: PackedBytes | undefined,
  ended: boolean,
  trailers: PackedFields | undefined,
  failed: string | undefined,
  more?: Pick<ExchangeOutput, "informational" | "credit">,
];

export const NO_OUTPUT: OutputMessage = [0, undefined, undefined, false, undefined, undefined];

export function packBytes(bytes: Uint8Array): PackedBytes {
  if (bytes.byteLength > MAX_TEXT) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

export function unpackBytes(packed: PackedBytes): Uint8Array {
  return typeof packed === "string" ? Buffer.from(packed, "latin1") : packed;
}

export function packOutput({ informational, head, chunk, end, failed, credit }: ExchangeOutput): OutputMessage {
  const status = head?.status ?? 0;
  const bytes = chunk === undefined ? undefined : packBytes(chunk);
  if (informational === undefined && credit === undefined) {
    return [status, head?.headers, bytes, end !== undefined, end?.trailers, failed];
  }
  const more = { ...(informational !== undefined && { informational }), ...(credit !== undefined && { credit }) };
  return [status, head?.headers, bytes, end !== undefined, end?.trailers, failed, more];
}

export function unpackOutput([status, headers, chunk, ended, trailers, failed, more]: OutputMessage): ExchangeOutput {
  const output: ExchangeOutput = { ...more };
  if (status !== 0) output.head = { status, headers: headers ?? "" };
  if (chunk !== undefined) output.chunk = unpackBytes(chunk);
  if (ended) output.end = { trailers };
  if (failed !== undefined) output.failed = failed;
  return output;
}
