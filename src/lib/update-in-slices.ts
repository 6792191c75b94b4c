import type { Hash, Hmac } from "node:crypto";
import { setImmediate } from "node:timers/promises";

// Between two slices other work gets its turn: about a millisecond of a slow core.
const SLICE = 128 * 1024;

/** @throws the signal's reason when aborted */
export async function updateInSlices(
  digest: Hash | Hmac,
  pieces: Iterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  for (const piece of pieces) {
    for (let start = 0; start < piece.byteLength; start += SLICE) {
      signal?.throwIfAborted();
      digest.update(piece.subarray(start, start + SLICE));
      if (piece.byteLength > SLICE) await setImmediate();
    }
  }
}
