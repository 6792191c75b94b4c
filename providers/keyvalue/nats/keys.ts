// Any text as a key of NATS, which has few characters: the others, by byte of UTF-8, become `=` and two hexadecimal digits.

import type { BucketName } from "../backend.ts";

const PLAIN = /[A-Za-z0-9/_-]/;

/** The same text has one form only. A dot stays between two other characters: tokens of a subject are not empty. */
export function encodeKey(key: string, dots: boolean): string {
  let encoded = "";
  const last = key.length - 1;
  let index = 0;
  for (const character of key) {
    const inner = index > 0 && index < last && key[index - 1] !== ".";
    if (PLAIN.test(character) || (character === "." && dots && inner)) encoded += character;
    else for (const byte of Buffer.from(character)) encoded += `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    index += character.length;
  }
  return encoded;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Undefined for what encodeKey() does not make: another program's. */
export function decodeKey(encoded: string): string | undefined {
  const bytes: number[] = [];
  for (let index = 0; index < encoded.length; index += 1) {
    if (encoded[index] !== "=") bytes.push(encoded.charCodeAt(index));
    else {
      const digits = encoded.slice(index + 1, index + 3);
      if (!/^[0-9A-F]{2}$/.test(digits)) return undefined;
      bytes.push(Number.parseInt(digits, 16));
      index += 2;
    }
  }
  try {
    const key = utf8.decode(Uint8Array.from(bytes));
    return encodeKey(key, true) === encoded ? key : undefined;
  } catch {
    return undefined;
  }
}

/** What the keys of a bucket begin with: two tokens of the subject. */
export const prefixOf = ({ namespace, identifier }: BucketName): string =>
  `${encodeKey(namespace, false)}.${encodeKey(identifier, false)}.`;
