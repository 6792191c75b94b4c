// Strings and characters in the memory of a component. Offsets were checked by the caller: they lie in `memory`.

import { Buffer } from "node:buffer";
import { trap } from "./abi-errors.ts";

// Up to this length a loop is faster than a call into the engine (measured).
const SHORT = 24;
const REPLACEMENT = "\ufffd";
// A string of latin1+utf16 whose length has this bit is in utf16.
const UTF16_TAG = 0x8000_0000;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Bytes that the string takes. Half surrogate pairs become U+FFFD. */
export function utf8Size(text: string): number {
  const { length } = text;
  if (length > SHORT) return Buffer.byteLength(text, "utf8");
  for (let index = 0; index < length; index++) {
    if (text.charCodeAt(index) > 0x7f) return Buffer.byteLength(text, "utf8");
  }
  return length;
}

/** `size` is what utf8Size() said. */
export function writeUtf8(memory: Buffer, text: string, at: number, size: number): void {
  const { length } = text;
  if (size !== length) memory.write(text, at, size, "utf8");
  else if (length > SHORT) memory.write(text, at, size, "latin1");
  else for (let index = 0; index < length; index++) memory[at + index] = text.charCodeAt(index);
}

/** @throws GuestTrap when the bytes are not UTF-8 */
export function readUtf8(memory: Buffer, at: number, size: number): string {
  const text = memory.toString("utf8", at, at + size);
  // Buffer puts U+FFFD where the bytes are wrong; it may also stand there.
  if (text.includes(REPLACEMENT)) return decodeStrictly(memory.subarray(at, at + size));
  return text;
}

function decodeStrictly(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return trap("a string is not valid UTF-8");
  }
}

/** `text` has no half surrogate pairs; it takes two bytes for each unit of its length. */
export function writeUtf16(memory: Buffer, text: string, at: number): void {
  memory.write(text, at, text.length * 2, "utf16le");
}

/** @throws GuestTrap when the units are not UTF-16 */
export function readUtf16(memory: Buffer, at: number, size: number): string {
  const text = memory.toString("utf16le", at, at + size);
  if (!text.isWellFormed()) trap("a string is not valid UTF-16");
  return text;
}

export function isLatin1(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0xff) return false;
  return true;
}

export function writeLatin1(memory: Buffer, text: string, at: number): void {
  memory.write(text, at, text.length, "latin1");
}

export function readLatin1(memory: Buffer, at: number, size: number): string {
  return memory.toString("latin1", at, at + size);
}

/** The length that the component is told of a string of latin1+utf16 that is in utf16. */
export function tagUtf16(length: number): number {
  return (length | UTF16_TAG) >>> 0;
}

/** Length in units of a tagged length; undefined when it has no tag. */
export function untagUtf16(length: number): number | undefined {
  return length >= UTF16_TAG ? length - UTF16_TAG : undefined;
}

/** True for exactly one Unicode scalar value. */
export function isChar(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const point = value.codePointAt(0);
  if (point === undefined || (point >= 0xd800 && point <= 0xdfff)) return false;
  return value.length === (point > 0xffff ? 2 : 1);
}

/** @throws GuestTrap when there is no such character */
export function readChar(point: number): string {
  if (point > 0x10_ffff || (point >= 0xd800 && point <= 0xdfff)) trap(`${point} is not a character`);
  return String.fromCodePoint(point);
}
