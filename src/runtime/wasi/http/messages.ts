// What of an HTTP exchange passes between the main thread and a worker. A small request crosses in one message, and so
// does a small response: with the end of its turn. Longer bodies follow in pieces, of which at most BODY_WINDOW bytes
// are under way; the reader gives credit for what it took.

/** Bodies up to here go along with the request. */
export const MAX_INLINE_BODY = 65_536;

/** Fields as `packFields` makes them. */
export type PackedFields = string;

export interface RequestMessage {
  /** As on the wire. */
  readonly method: string;
  /** Such as `http`. */
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly path: string | undefined;
  readonly headers: PackedFields;
  /** Undefined: there is none. `streamed`: it follows, as far as there is credit. */
  readonly body: Uint8Array | "streamed" | undefined;
}

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
