import { dropped, frame, type Framed, type Framer } from "./framer.ts";

export interface DelimiterFraming {
  /** One to four bytes that end a frame. */
  readonly delimiter: Uint8Array;
  /** Longest payload in bytes, without the delimiter. */
  readonly maxLength: number;
  /** Take one CR off the end of a payload, so that CR LF and LF both end a line. */
  readonly stripCr: boolean;
  /** Leave out frames without payload, such as blank lines. */
  readonly skipEmpty: boolean;
}

const CR = 0x0d;

/** Frames that end with a delimiter. After a frame that was too long it is in step again at the next delimiter. */
export function createDelimiterFramer({ delimiter, maxLength, stripCr, skipEmpty }: DelimiterFraming): Framer {
  // The payload, one CR, and all but the last byte of a delimiter may be waiting before a frame is known to be too long.
  const room = maxLength + (stripCr ? 1 : 0) + delimiter.length - 1;
  let pending: Uint8Array = new Uint8Array(0);
  /** Bytes of the present frame that were given up; 0 while it may still become one. */
  let discarded = 0;

  const complete = (payload: Uint8Array): readonly Framed[] => {
    if (discarded > 0) return dropped(discarded + payload.length, "too-long");
    const stripped = stripCr && payload.at(-1) === CR ? payload.subarray(0, -1) : payload;
    if (stripped.length > maxLength) return dropped(payload.length, "too-long");
    if (stripped.length === 0 && skipEmpty) return [];
    return [frame(stripped)];
  };

  return {
    gap: undefined,
    push(chunk) {
      const framed: Framed[] = [];
      let rest: Uint8Array = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      for (let at = indexOf(rest, delimiter); at >= 0; at = indexOf(rest, delimiter)) {
        framed.push(...complete(rest.subarray(0, at)));
        discarded = 0;
        rest = rest.subarray(at + delimiter.length);
      }
      if (discarded > 0 || rest.length > room) {
        // The tail may be the beginning of a delimiter.
        const keep = Math.min(rest.length, delimiter.length - 1);
        discarded += rest.length - keep;
        rest = rest.subarray(rest.length - keep);
      }
      pending = new Uint8Array(rest);
      return framed;
    },
    silence: () => [],
    reset() {
      const given = dropped(discarded + pending.length, "partial");
      pending = new Uint8Array(0);
      discarded = 0;
      return given;
    },
    encode(payload) {
      if (payload.length > maxLength || indexOf(payload, delimiter) >= 0) return undefined;
      return Buffer.concat([payload, delimiter]);
    },
  };
}

export function indexOf(haystack: Uint8Array, needle: Uint8Array): number {
  return Buffer.from(haystack.buffer, haystack.byteOffset, haystack.byteLength).indexOf(needle);
}
