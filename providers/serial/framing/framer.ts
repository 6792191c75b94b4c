import type { Millis } from "#provider";

/** Why bytes made no frame: it was too long, it was no frame of this kind, or it never ended. */
export type DropReason = "too-long" | "invalid" | "partial";

/** What a framer made of the bytes: a frame, or what was given up, with the bytes it had. */
export type Framed =
  | { readonly kind: "frame"; readonly payload: Uint8Array }
  | { readonly kind: "dropped"; readonly bytes: number; readonly reason: DropReason };

/**
 * Frames from bytes and back, a state machine without clock. What it holds is bounded by the longest frame; what it
 * makes of a stream does not depend on how that is cut into chunks; no input makes it throw.
 */
export interface Framer {
  /** A silence of the line after which `silence` is to be called; undefined when silences mean nothing. */
  readonly gap: Millis | undefined;
  /** Takes what was read; returns what became complete, in order. */
  push(chunk: Uint8Array): readonly Framed[];
  /** Nothing was read for the time of `gap`. */
  silence(): readonly Framed[];
  /** Gives up a frame that is not complete: the device went away. */
  reset(): readonly Framed[];
  /** The bytes to send for a payload; undefined when it cannot be framed. */
  encode(payload: Uint8Array): Uint8Array | undefined;
}

export function dropped(bytes: number, reason: DropReason): readonly Framed[] {
  return bytes === 0 ? [] : [{ kind: "dropped", bytes, reason }];
}

/** A frame with a copy of `payload`: what is read into belongs to the driver. (The `slice` of a Buffer would be none.) */
export function frame(payload: Uint8Array): Framed {
  return { kind: "frame", payload: new Uint8Array(payload) };
}
