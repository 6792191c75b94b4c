import { dropped, frame, type Framed, type Framer } from "./framer.ts";

/** A block without its code byte has at most so many bytes; only a shorter one stands for a zero at its end. */
const BLOCK = 254;

/** COBS: a zero ends each frame, and is nowhere else. In step again at every zero. */
export function createCobsFramer({ maxLength }: { readonly maxLength: number }): Framer {
  const encoded = new Uint8Array(maxLength + Math.floor(maxLength / BLOCK) + 1);
  /** Bytes of the present frame as they were read; beyond the room for one they are only counted. */
  let raw = 0;

  const complete = (): readonly Framed[] => {
    if (raw === 0) return [];
    if (raw > encoded.length) return dropped(raw, "too-long");
    const payload = decode(encoded.subarray(0, raw));
    if (payload === undefined) return dropped(raw, "invalid");
    return payload.length > maxLength ? dropped(raw, "too-long") : [frame(payload)];
  };

  return {
    gap: undefined,
    push(chunk) {
      const framed: Framed[] = [];
      for (const byte of chunk) {
        if (byte === 0) {
          framed.push(...complete());
          raw = 0;
        } else {
          if (raw < encoded.length) encoded[raw] = byte;
          raw += 1;
        }
      }
      return framed;
    },
    silence: () => [],
    reset() {
      const given = dropped(raw, "partial");
      raw = 0;
      return given;
    },
    encode: (payload) => (payload.length > maxLength ? undefined : encode(payload)),
  };
}

/** Undefined when a block is longer than what there is. */
function decode(encoded: Uint8Array): Uint8Array | undefined {
  const out = new Uint8Array(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length;) {
    const code = encoded[at] ?? 0;
    const end = at + code;
    if (end > encoded.length) return undefined;
    out.set(encoded.subarray(at + 1, end), length);
    length += code - 1;
    at = end;
    // The zero at the very end is no part of the payload.
    if (code <= BLOCK && at < encoded.length) length += 1;
  }
  return out.subarray(0, length);
}

function encode(payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(payload.length + Math.floor(payload.length / BLOCK) + 2);
  let length = 0;
  let block = 0;
  const flush = (end: number): void => {
    out[length] = end - block + 1;
    out.set(payload.subarray(block, end), length + 1);
    length += end - block + 1;
  };
  for (const [at, byte] of payload.entries()) {
    if (byte === 0) {
      flush(at);
      block = at + 1;
    } else if (at - block === BLOCK - 1) {
      flush(at + 1);
      block = at + 1;
    }
  }
  // A full block at the end needs no other one, and an empty payload needs one.
  const endsFull = payload.length > 0 && block === payload.length && payload[block - 1] !== 0;
  if (!endsFull) flush(payload.length);
  return out.subarray(0, length + 1);
}
