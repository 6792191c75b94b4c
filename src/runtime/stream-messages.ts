// What of a stream passes between the main thread and a worker. Of each at most STREAM_WINDOW bytes are under way, in
// either direction; who takes them gives credit.

export const STREAM_WINDOW = 65_536;

/** To the worker. */
export type StreamInput =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  /** For an output stream as well. The reason is for the component. */
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "credit"; readonly bytes: number };

/** From the worker. */
export type StreamOutput =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** The component has dropped the stream. */
  | { readonly kind: "closed" }
  | { readonly kind: "credit"; readonly bytes: number };
