/** What a framer made of the bytes: a frame, or a frame that was given up with the bytes it had. */
export type Framed =
  | { readonly kind: "frame"; readonly payload: Uint8Array }
  | { readonly kind: "dropped"; readonly bytes: number };

export interface Framer {
  /** Takes what was read; returns what became complete, in order. */
  push(chunk: Uint8Array): readonly Framed[];
  /** Gives up a frame that is not complete: the device went away. */
  reset(): readonly Framed[];
  /** The bytes to send for a payload; undefined when it cannot be framed. */
  encode(payload: Uint8Array): Uint8Array | undefined;
}
