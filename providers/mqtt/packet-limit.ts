import type { Duplex } from "node:stream";
import type { Bytes } from "#provider";

/** Follows the packets of a connection by their headers: a type, and a length in one to four bytes of seven bits each. */
export function createPacketMeter(most: Bytes): (chunk: Uint8Array) => boolean {
  let rest = 0;
  let place: "type" | 0 | 1 | 2 | 3 = "type";
  let length = 0;
  /** False when a packet is larger than allowed. What is no length is left to the parser. */
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      if (rest > 0) {
        const skipped = Math.min(rest, chunk.length - at);
        rest -= skipped;
        at += skipped;
        continue;
      }
      const byte = chunk[at] ?? 0;
      at += 1;
      if (place === "type") {
        place = 0;
        length = 0;
        continue;
      }
      length += (byte & 0x7f) * 128 ** place;
      if (length > most) return false;
      const last = (byte & 0x80) === 0 || place === 3;
      if (last) rest = length;
      place = last ? "type" : ((place + 1) as 1 | 2 | 3);
    }
    return true;
  };
}

/**
 * Destroys the connection when a packet is larger than allowed, before it has been read into memory. To be called before
 * anything else listens.
 */
export function limitPackets(stream: Duplex, most: Bytes): void {
  const isAllowed = createPacketMeter(most);
  stream.on("data", (chunk: Buffer) => {
    if (!isAllowed(chunk)) stream.destroy(new Error(`a packet is larger than ${most} bytes`));
  });
}
