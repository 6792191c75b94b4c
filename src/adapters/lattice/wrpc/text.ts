// Strings and characters, which are UTF-8 on the wire.

import { isUtf8 } from "node:buffer";
import { TEXT, type Codec } from "./codec.ts";
import { misfit } from "./numbers.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Up to here a loop is faster than the way into C++. */
const SHORT = 24;

const NO_CHARACTER = "a character that is no UTF-8";

export const stringCodec: Codec = {
  write: (out, value) => {
    if (typeof value !== "string") throw misfit("a string", value);
    writeText(out, value);
  },
  read: readText,
  least: 1,
  heap: TEXT,
  depth: 0,
  async: false,
};

export const charCodec: Codec = {
  write: (out, value) => {
    const point = typeof value === "string" ? value.codePointAt(0) : undefined;
    if (typeof value !== "string" || point === undefined || value.length !== (point > 0xffff ? 2 : 1)) {
      throw misfit("one character", value);
    }
    if (point >= 0xd800 && point <= 0xdfff) throw misfit("one character", value);
    writeChar(out, point);
  },
  read: readChar,
  least: 1,
  heap: TEXT,
  depth: 0,
  async: false,
};

function writeChar(out: Writer, point: number): void {
  out.room(4);
  const { bytes } = out;
  let { at } = out;
  if (point < 0x80) bytes[at++] = point;
  else {
    const count = point > 0xffff ? 3 : point > 0x7ff ? 2 : 1;
    bytes[at++] = (0xff << (7 - count)) | (point >> (6 * count));
    for (let i = count - 1; i >= 0; i--) bytes[at++] = 0x80 | ((point >> (6 * i)) & 0x3f);
  }
  out.at = at;
}

function writeText(out: Writer, text: string): void {
  const { length } = text;
  if (length <= SHORT) {
    out.room(length + 1);
    const { bytes } = out;
    let at = out.at + 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        writeLongText(out, text);
        return;
      }
      bytes[at++] = code;
    }
    bytes[out.at] = length;
    out.at = at;
    return;
  }
  writeLongText(out, text);
}

function writeLongText(out: Writer, text: string): void {
  // A unit of UTF-16 is at most three bytes. Long texts are measured first, so that no more is taken than is needed.
  const most = text.length > 4096 ? Buffer.byteLength(text) : 3 * text.length;
  out.room(most + 5);
  const begin = out.at;
  // In most texts each character is a byte: then the length before it is known.
  const guess = sizeOfCount(text.length);
  const written = out.bytes.write(text, begin + guess);
  const size = sizeOfCount(written);
  if (size !== guess) out.bytes.copyWithin(begin + size, begin + guess, begin + guess + written);
  out.count(written);
  out.at = begin + size + written;
}

function sizeOfCount(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

function readText(input: Reader): string {
  const count = input.count();
  input.need(count);
  const { bytes, at } = input;
  input.at = at + count;
  if (count <= SHORT) {
    let text = "";
    let i = at;
    for (; i < at + count; i++) {
      const byte = bytes[i] as number; // They are there.
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (i === at + count) return text;
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset + at, count);
  if (!isUtf8(view)) throw input.fault("a text that is no UTF-8");
  input.charge(count);
  return view.toString();
}

function readChar(input: Reader): string {
  const first = input.byte();
  if (first < 0x80) return String.fromCharCode(first);
  if (first < 0xc2 || first > 0xf4) throw input.fault(NO_CHARACTER);
  const count = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  let point = first & (0x3f >> count);
  for (let i = 0; i < count; i++) {
    const next = input.byte();
    if ((next & 0xc0) !== 0x80) throw input.fault(NO_CHARACTER);
    point = (point << 6) | (next & 0x3f);
  }
  // No surrogates, nothing longer than it must be, nothing above the last one.
  const least = count === 3 ? 0x1_0000 : count === 2 ? 0x800 : 0x80;
  if (point < least || point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff)) throw input.fault(NO_CHARACTER);
  return String.fromCodePoint(point);
}
