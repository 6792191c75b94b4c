import type { Millis } from "#provider";
import { dropped, frame, type Framer } from "./framer.ts";

export interface GapFraming {
  readonly gap: Millis;
  readonly maxLength: number;
}

/** Frames that a silence ends. */
export function createGapFramer({ gap, maxLength }: GapFraming): Framer {
  const pending = new Uint8Array(maxLength);
  /** Bytes since the last silence; beyond the longest frame they are only counted. */
  let length = 0;

  return {
    gap,
    push(chunk) {
      if (length < maxLength) pending.set(chunk.subarray(0, maxLength - length), length);
      length += chunk.length;
      return [];
    },
    silence() {
      const size = length;
      length = 0;
      if (size === 0) return [];
      return size > maxLength ? dropped(size, "too-long") : [frame(pending.subarray(0, size))];
    },
    reset() {
      const given = dropped(length, "partial");
      length = 0;
      return given;
    },
    encode: (payload) => (payload.length === 0 || payload.length > maxLength ? undefined : new Uint8Array(payload)),
  };
}
