// Modbus RTU frames: the unit, the function, its data, a CRC (Modbus Application Protocol 1.1b3, Serial Line 1.02).

import { hasValidCrc, withCrc } from "./crc.ts";

export type Request =
  /** Coils and discrete inputs. */
  | { readonly code: 1 | 2; readonly address: number; readonly count: number }
  /** Holding and input registers. */
  | { readonly code: 3 | 4; readonly address: number; readonly count: number }
  | { readonly code: 5; readonly address: number; readonly on: boolean }
  | { readonly code: 6; readonly address: number; readonly word: number }
  | { readonly code: 15; readonly address: number; readonly bits: readonly boolean[] }
  | { readonly code: 16; readonly address: number; readonly words: readonly number[] };

/** What a request asked for; nothing after a write. */
export type Answer =
  | { readonly kind: "values"; readonly bits: readonly boolean[]; readonly words: readonly number[] }
  | { readonly kind: "exception"; readonly exception: number };

/** So that a frame has 256 bytes at most. */
export const MOST_BITS = 2000;
export const MOST_WORDS = 125;
const MOST: Readonly<Record<Request["code"], number>> = {
  1: MOST_BITS,
  2: MOST_BITS,
  3: MOST_WORDS,
  4: MOST_WORDS,
  5: 1,
  6: 1,
  15: 1968,
  16: 123,
};

/** Longest frame. */
export const MAX_FRAME = 256;
/** Answers to no unit: all of them carry out a write, and say nothing. */
export const BROADCAST = 0;
const MAX_UNIT = 247;

const ON = 0xff00;
const EXCEPTION = 0x80;
const EXCEPTION_LENGTH = 5;
const WRITE_ANSWER_LENGTH = 8;

/** Whether a unit and a request are such as may be sent. */
export function isSendable(unit: number, request: Request): boolean {
  const { code, address } = request;
  const isRead = code <= 4;
  if (!Number.isInteger(unit) || unit < (isRead ? 1 : BROADCAST) || unit > MAX_UNIT) return false;
  const count = countOf(request);
  return count >= 1 && count <= MOST[code] && address >= 0 && address + count <= 0x10000;
}

function countOf(request: Request): number {
  if ("count" in request) return request.count;
  if ("bits" in request) return request.bits.length;
  return "words" in request ? request.words.length : 1;
}

/** The bytes of a request that is sendable. */
export function encodeRequest(unit: number, request: Request): Uint8Array {
  const head = [unit, request.code, ...word(request.address)];
  switch (request.code) {
    case 5:
      return withCrc(Uint8Array.from([...head, ...word(request.on ? ON : 0)]));
    case 6:
      return withCrc(Uint8Array.from([...head, ...word(request.word)]));
    case 15: {
      const packed = packBits(request.bits);
      return withCrc(Uint8Array.from([...head, ...word(request.bits.length), packed.length, ...packed]));
    }
    case 16: {
      const { words } = request;
      return withCrc(Uint8Array.from([...head, ...word(words.length), words.length * 2, ...words.flatMap(word)]));
    }
    case 1:
    case 2:
    case 3:
    case 4:
      return withCrc(Uint8Array.from([...head, ...word(request.count)]));
    default:
      return request satisfies never;
  }
}

/**
 * Looks for the answer to a request in what has come: noise before it is passed over. Undefined while there is none,
 * however much there is: only a silence tells that none comes.
 */
export function findAnswer(received: Uint8Array, unit: number, request: Request): Answer | undefined {
  for (let at = 0; at + EXCEPTION_LENGTH <= received.length; at += 1) {
    if (received[at] !== unit) continue;
    const code = received[at + 1];
    const isException = code === (request.code | EXCEPTION);
    if (code !== request.code && !isException) continue;
    const length = isException ? EXCEPTION_LENGTH : answerLength(request);
    const frame = received.subarray(at, at + length);
    if (frame.length < length || !hasValidCrc(frame)) continue;
    if (isException) return { kind: "exception", exception: frame[2] ?? 0 };
    const values = readValues(frame, request);
    if (values !== undefined) return values;
  }
  return undefined;
}

/** With the CRC. */
function answerLength(request: Request): number {
  if (!("count" in request)) return WRITE_ANSWER_LENGTH;
  return 5 + (request.code <= 2 ? Math.ceil(request.count / 8) : request.count * 2);
}

/** Undefined when the frame answers another request. */
function readValues(frame: Uint8Array, request: Request): Answer | undefined {
  if (!("count" in request)) {
    // A write is answered with its address, and its value or count.
    const sent = encodeRequest(BROADCAST, request);
    const isSame = [2, 3, 4, 5].every((at) => frame[at] === sent[at]);
    return isSame ? { kind: "values", bits: [], words: [] } : undefined;
  }
  if (frame[2] !== frame.length - 5) return undefined;
  const indices = Array.from({ length: request.count }, (_, i) => i);
  if (request.code <= 2) {
    const bits = indices.map((i) => (((frame[3 + (i >> 3)] ?? 0) >> (i & 7)) & 1) === 1);
    return { kind: "values", bits, words: [] };
  }
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return { kind: "values", bits: [], words: indices.map((i) => view.getUint16(3 + i * 2)) };
}

const word = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

function packBits(bits: readonly boolean[]): Uint8Array {
  const packed = new Uint8Array(Math.ceil(bits.length / 8));
  for (const [i, bit] of bits.entries()) if (bit) packed[i >> 3] = (packed[i >> 3] ?? 0) | (1 << (i & 7));
  return packed;
}
