import { frame, type Framed, type Framer } from "./framer.ts";

/** No framing: what was read at once, in pieces of at most `maxLength`. Where it is cut means nothing. */
export function createRawFramer({ maxLength }: { readonly maxLength: number }): Framer {
  return {
    gap: undefined,
    push(chunk) {
      const framed: Framed[] = [];
      for (let at = 0; at < chunk.length; at += maxLength) framed.push(frame(chunk.subarray(at, at + maxLength)));
      return framed;
    },
    silence: () => [],
    reset: () => [],
    encode: (payload) => (payload.length > maxLength ? undefined : new Uint8Array(payload)),
  };
}
