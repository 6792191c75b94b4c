// Numbers: single bytes, LEB128 as in WebAssembly, and floats as they lie in memory.

import { describeValue, INTEGER_RANGES, MisfitValue } from "../../../lib/wit/value.ts";
import { SLOT, type Codec } from "./codec.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

export type SmallKind = "u8" | "u16" | "u32" | "s8" | "s16" | "s32";

/** Eight bytes to look at in several ways. */
const SCRATCH = new ArrayBuffer(8);
const OCTETS = new Uint8Array(SCRATCH);
const HALVES = new Uint32Array(SCRATCH);
const SIGNED_HALVES = new Int32Array(SCRATCH);
const UNSIGNED = new BigUint64Array(SCRATCH);
const SIGNED = new BigInt64Array(SCRATCH);
const DOUBLE = new Float64Array(SCRATCH);
const SINGLE = new Float32Array(SCRATCH);

export const boolCodec: Codec = plain(
  1,
  (out, value) => {
    if (typeof value !== "boolean") throw misfit("a boolean", value);
    out.byte(value ? 1 : 0);
  },
  (input) => {
    const byte = input.byte();
    if (byte > 1) throw input.fault(`the boolean ${byte}`);
    return byte === 1;
  },
);

export function smallCodec(kind: SmallKind): Codec {
  const [low, high] = INTEGER_RANGES[kind];
  const put = integerWriter(kind);
  const write = (out: Writer, value: unknown): void => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
      throw misfit(typeof value === "number" ? `an integer (${kind})` : `a number (${kind})`, value);
    }
    put(out, value);
  };
  return plain(1, write, integerReader(kind));
}

/** For an integer of the kind. */
export function integerWriter(kind: SmallKind): (out: Writer, value: number) => void {
  if (kind === "u8" || kind === "s8") return (out, value) => out.byte(value & 0xff);
  return kind === "u16" || kind === "u32" ? (out, value) => out.count(value) : writeSigned;
}

export function integerReader(kind: SmallKind): (input: Reader) => number {
  if (kind === "u8") return (input) => input.byte();
  if (kind === "s8") return (input) => (input.byte() << 24) >> 24;
  if (kind === "u32") return (input) => input.count();
  if (kind === "u16") return readUnsigned16;
  return kind === "s16" ? (input) => readSigned(input, 16) : (input) => readSigned(input, 32);
}

export const u64Codec: Codec = plain(
  1,
  (out, value) => {
    if (typeof value !== "bigint") throw misfit("a bigint (u64)", value);
    UNSIGNED[0] = value;
    if (UNSIGNED[0] !== value) throw misfit("a bigint (u64)", value);
    writeUnsigned64(out);
  },
  readUnsigned64,
);

export const s64Codec: Codec = plain(
  1,
  (out, value) => {
    if (typeof value !== "bigint") throw misfit("a bigint (s64)", value);
    SIGNED[0] = value;
    if (SIGNED[0] !== value) throw misfit("a bigint (s64)", value);
    writeSigned64(out);
  },
  readSigned64,
);

export const f64Codec: Codec = plain(
  8,
  (out, value) => {
    if (typeof value !== "number") throw misfit("a number (f64)", value);
    DOUBLE[0] = value;
    copyFromScratch(out, 8);
  },
  (input) => {
    copyToScratch(input, 8);
    return DOUBLE[0];
  },
);

export const f32Codec: Codec = plain(
  4,
  (out, value) => {
    if (typeof value !== "number") throw misfit("a number (f32)", value);
    SINGLE[0] = value;
    copyFromScratch(out, 4);
  },
  (input) => {
    copyToScratch(input, 4);
    return SINGLE[0];
  },
);

function plain(least: number, write: Codec["write"], read: Codec["read"]): Codec {
  return { write, read, least, heap: SLOT, depth: 0, async: false };
}

/** A loop is faster than `set` for so few. */
function copyFromScratch(out: Writer, count: number): void {
  out.room(count);
  const { bytes, at } = out;
  for (let i = 0; i < count; i++) bytes[at + i] = OCTETS[i] as number; // It has eight.
  out.at = at + count;
}

function copyToScratch(input: Reader, count: number): void {
  input.need(count);
  const { bytes, at } = input;
  for (let i = 0; i < count; i++) OCTETS[i] = bytes[at + i] as number; // They are there.
  input.at = at + count;
}

function writeSigned(out: Writer, value: number): void {
  out.room(5);
  const { bytes } = out;
  let { at } = out;
  let rest = value;
  // The last byte is the one whose bit 6 is the sign of all above it.
  while (rest > 0x3f || rest < -0x40) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>= 7;
  }
  bytes[at++] = rest & 0x7f;
  out.at = at;
}

function readUnsigned16(input: Reader): number {
  const value = input.count();
  if (value > 0xffff) throw input.fault("an integer of more than 16 bits");
  return value;
}

function readSigned(input: Reader, bits: 16 | 32): number {
  let value = 0;
  let shift = 0;
  for (;;) {
    const byte = input.byte();
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) {
      if (shift > bits && !isExtended(byte, bits - shift + 7)) {
        throw input.fault(`an integer of more than ${bits} bits`);
      }
      return shift < 32 ? (value << (32 - shift)) >> (32 - shift) : value;
    }
    if (shift >= bits) throw input.fault(`an integer of more than ${bits} bits`);
  }
}

/** True when the seven bits of the last byte are `used` bits of a number and nothing but its sign above them. */
function isExtended(byte: number, used: number): boolean {
  const above = (byte & 0x7f) >> (used - 1);
  return above === 0 || above === 0x7f >> (used - 1);
}

/** Of what lies in the scratch. */
function writeUnsigned64(out: Writer): void {
  out.room(10);
  const { bytes } = out;
  let { at } = out;
  let low = HALVES[0] as number; // It has two elements.
  let high = HALVES[1] as number; // The same.
  while (high !== 0 || low > 0x7f) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  bytes[at++] = low;
  out.at = at;
}

function writeSigned64(out: Writer): void {
  out.room(10);
  const { bytes } = out;
  let { at } = out;
  let low = SIGNED_HALVES[0] as number; // It has two elements.
  let high = SIGNED_HALVES[1] as number; // The same.
  while (!(low >= -0x40 && low <= 0x3f && high === low >> 31)) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low = (low >>> 7) | (high << 25);
    high >>= 7;
  }
  bytes[at++] = low & 0x7f;
  out.at = at;
}

/** Reads up to ten bytes into the scratch; returns the number of bits and the last byte. */
function readLong(input: Reader): { readonly bits: number; readonly last: number } {
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = input.byte();
    const part = byte & 0x7f;
    if (shift < 28) low |= part << shift;
    else if (shift === 28) {
      low |= part << 28;
      high = part >> 4;
    } else high |= part << (shift - 32);
    if (byte < 0x80) {
      SIGNED_HALVES[0] = low;
      SIGNED_HALVES[1] = high;
      return { bits: shift + 7, last: byte };
    }
  }
  throw input.fault("an integer of more than 64 bits");
}

function readUnsigned64(input: Reader): bigint {
  const first = input.byte();
  if (first < 0x80) return BigInt(first);
  input.at -= 1;
  const { bits, last } = readLong(input);
  if (bits > 64 && last > 1) throw input.fault("an integer of more than 64 bits");
  return UNSIGNED[0] as bigint; // It has one element.
}

function readSigned64(input: Reader): bigint {
  const { bits, last } = readLong(input);
  if (bits > 64) {
    if (last !== 0 && last !== 0x7f) throw input.fault("an integer of more than 64 bits");
    return SIGNED[0] as bigint; // It has one element.
  }
  if ((last & 0x40) !== 0) {
    // The sign goes on above what was sent.
    if (bits < 32) {
      SIGNED_HALVES[0] = (SIGNED_HALVES[0] as number) | (-1 << bits); // It has two elements.
      SIGNED_HALVES[1] = -1;
    } else SIGNED_HALVES[1] = (SIGNED_HALVES[1] as number) | (-1 << (bits - 32)); // The same.
  }
  return SIGNED[0] as bigint; // It has one element.
}

export function misfit(want: string, found: unknown): MisfitValue {
  return new MisfitValue(`found ${describeValue(found)}, want ${want}`);
}
