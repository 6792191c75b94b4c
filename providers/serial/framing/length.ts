import type { Millis } from "#provider";
import { indexOf } from "./delimiter.ts";
import { dropped, frame, type DropReason, type Framed, type Framer } from "./framer.ts";

export interface LengthFraming {
  /** Bytes that every frame begins with; may be empty. */
  readonly start: Uint8Array;
  /** Bytes between them and the length, a part of the payload. */
  readonly offset: number;
  readonly lengthSize: 1 | 2 | 4;
  readonly byteOrder: "big" | "little";
  /** What to add to the length as sent to get the number of bytes that follow it. */
  readonly adjust: number;
  readonly maxLength: number;
  /** After a silence of so much, what is not complete is given up and the next byte begins a frame. */
  readonly gap: Millis;
}

/**
 * Frames that say how long they are. After a length that cannot be right it looks for the next start; without start bytes
 * nothing but a silence tells where a frame begins.
 */
export function createLengthFramer(framing: LengthFraming): Framer {
  const { start, offset, lengthSize, byteOrder, adjust, maxLength, gap } = framing;
  const head = start.length + offset + lengthSize;
  let pending: Uint8Array = new Uint8Array(0);
  /** Bytes that belong to no frame since the last frame began. */
  let noise = 0;
  let reason: DropReason = "invalid";
  /** Nothing can be made of what comes until the line is silent. */
  let isLost = false;

  const skip = (count: number): void => {
    noise += count;
    pending = pending.subarray(count);
  };
  const takeNoise = (): readonly Framed[] => {
    const given = dropped(noise, reason);
    noise = 0;
    reason = "invalid";
    return given;
  };
  /** The number of bytes after the length, once it is there. */
  const readLength = (): number => {
    const view = new DataView(pending.buffer, pending.byteOffset + start.length + offset, lengthSize);
    const isLittle = byteOrder === "little";
    if (lengthSize === 1) return view.getUint8(0) + adjust;
    return (lengthSize === 2 ? view.getUint16(0, isLittle) : view.getUint32(0, isLittle)) + adjust;
  };

  const next = (): readonly Framed[] | undefined => {
    if (isLost) skip(pending.length);
    const at = start.length === 0 ? 0 : indexOf(pending, start);
    // What is left may be the first of several start bytes.
    skip(at >= 0 ? at : Math.max(0, pending.length - start.length + 1));
    if (at < 0 || pending.length < head) return undefined;
    const body = readLength();
    if (body < 0 || offset + body > maxLength) {
      reason = body < 0 ? "invalid" : "too-long";
      if (start.length === 0) isLost = true;
      skip(1);
      return [];
    }
    if (pending.length < head + body) return undefined;
    const payload = Buffer.concat([
      pending.subarray(start.length, start.length + offset),
      pending.subarray(head, head + body),
    ]);
    pending = pending.subarray(head + body);
    return [...takeNoise(), frame(payload)];
  };

  const reset = (): readonly Framed[] => {
    if (noise === 0) reason = "partial";
    skip(pending.length);
    isLost = false;
    return takeNoise();
  };

  return {
    gap,
    push(chunk) {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      const framed: Framed[] = [];
      for (let one = next(); one !== undefined; one = next()) framed.push(...one);
      pending = new Uint8Array(pending);
      return framed;
    },
    silence: reset,
    reset,
    encode(payload) {
      const body = payload.length - offset;
      const length = body - adjust;
      if (body < 0 || payload.length > maxLength || length < 0 || length >= 2 ** (8 * lengthSize)) return undefined;
      const field = Buffer.alloc(lengthSize);
      if (byteOrder === "big") field.writeUIntBE(length, 0, lengthSize);
      else field.writeUIntLE(length, 0, lengthSize);
      return Buffer.concat([start, payload.subarray(0, offset), field, payload.subarray(offset)]);
    },
  };
}
