// Bytes, bits, texts of a given length, and hardware addresses.

import { paramsFault } from "../sql-fault.ts";
import { misfit, type Codec } from "./codec.ts";

export const bytea: Codec<Uint8Array> = {
  read: (text) => new Uint8Array(Buffer.from(text.slice(2), "hex")),
  write: (value) => `\\x${Buffer.from(value).toString("hex")}`,
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw paramsFault("a text is not UTF-8");
  }
}

const encode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** With its length in bytes. */
export const char: Codec<readonly [number, Uint8Array]> = {
  read: (text) => {
    const bytes = encode(text);
    return [bytes.length, bytes];
  },
  write: ([length, bytes]) => {
    if (length !== bytes.length) throw misfit(`char of ${length} bytes`, `${bytes.length} bytes`);
    return decode(bytes);
  },
};

/** With its limit, which results do not tell. */
export const varchar: Codec<readonly [number | undefined, Uint8Array]> = {
  read: (text) => [undefined, encode(text)],
  write: ([limit, bytes]) => {
    if (limit !== undefined && bytes.length > limit) {
      throw misfit(`varchar of at most ${limit} bytes`, `${bytes.length} bytes`);
    }
    return decode(bytes);
  },
};

function packBits(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(text.length / 8));
  // The first bit is the highest one of the first byte.
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "1") bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (0x80 >> (at & 7));
  }
  return bytes;
}

function unpackBits(count: number, bytes: Uint8Array): string {
  if (Math.ceil(count / 8) !== bytes.length) throw misfit(`string of ${count} bits`, `${bytes.length} bytes`);
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0"))
    .join("")
    .slice(0, count);
}

/** With the number of bits. */
export const bit: Codec<readonly [number, Uint8Array]> = {
  read: (text) => [text.length, packBits(text)],
  write: ([count, bytes]) => unpackBits(count, bytes),
};

/** The same; without a number, all bits of the bytes. */
export const varbit: Codec<readonly [number | undefined, Uint8Array]> = {
  read: (text) => [text.length, packBits(text)],
  write: ([count, bytes]) => unpackBits(count ?? bytes.length * 8, bytes),
};

/** `08:00:2b:01:02:03`, of six or eight bytes. */
export const hardwareAddress: Codec<{ readonly bytes: readonly number[] }> = {
  read: (text) => ({ bytes: text.split(":").map((byte) => Number.parseInt(byte, 16)) }),
  write: ({ bytes }) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
};
