// The second version of the kernel's GPIO interface (<linux/gpio.h>, Linux 5.10 and later): numbers of its calls and its
// structs as bytes, without making a call. Integers are little endian, as on the machines that petiole runs on.

import { millis, type Millis } from "#provider";
import { GpioError, type LineEvent, type LineInfo, type LineSettings } from "./backend.ts";
import { flagsOf, settingsOf } from "./line-flags.ts";

export const CALL = {
  chipInfo: 0x8044b401,
  lineInfo: 0xc100b405,
  requestLines: 0xc250b407,
  getValues: 0xc010b40e,
  setValues: 0xc010b40f,
} as const;

/** Bytes of a struct. */
export const SIZE = { chipInfo: 68, lineInfo: 256, request: 592, values: 16, event: 48 } as const;

/** Lines of one request. */
export const MAX_LINES = 64;
const MAX_ATTRIBUTES = 10;
/** With the zero at its end. */
const MAX_NAME = 32;
const MAX_DEBOUNCE_US = 2 ** 32 - 1;

const ATTRIBUTE = { flags: 1, outputValues: 2, debounce: 3 } as const;
const RISING = 1;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function readName(bytes: Uint8Array, offset: number): string {
  const field = bytes.subarray(offset, offset + MAX_NAME);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

export interface ChipInfo {
  readonly name: string;
  readonly label: string;
  readonly lines: number;
}

export function decodeChipInfo(bytes: Uint8Array): ChipInfo {
  return { name: readName(bytes, 0), label: readName(bytes, 32), lines: viewOf(bytes).getUint32(64, true) };
}

/** What the call for a line's state is given, and fills. */
export function encodeLineInfo(offset: number): Uint8Array {
  const bytes = new Uint8Array(SIZE.lineInfo);
  viewOf(bytes).setUint32(64, offset, true);
  return bytes;
}

export function decodeLineInfo(bytes: Uint8Array): LineInfo {
  const view = viewOf(bytes);
  const { used, ...settings } = settingsOf(view.getBigUint64(72, true));
  const consumer = readName(bytes, 32);
  let debounce: Millis = millis(0);
  const count = Math.min(view.getUint32(68, true), MAX_ATTRIBUTES);
  for (let i = 0; i < count; i += 1) {
    const at = 80 + 16 * i;
    if (view.getUint32(at, true) === ATTRIBUTE.debounce) debounce = millis(view.getUint32(at + 8, true) / 1000);
  }
  return {
    ...settings,
    offset: view.getUint32(64, true),
    name: readName(bytes, 0),
    usedBy: used ? consumer || "the kernel" : undefined,
    debounce,
  };
}

interface Attribute {
  readonly id: number;
  readonly value: bigint;
  /** Bit i stands for line i of the request. */
  readonly mask: bigint;
}

/** The flags that most lines have, and what differs from them as attributes of some lines. */
function planAttributes(lines: readonly LineSettings[]): { readonly flags: bigint; readonly attributes: Attribute[] } {
  const byFlags = maskBy(lines, flagsOf);
  const [flags = 0n] = [...byFlags].sort(([, a], [, b]) => countBits(b) - countBits(a))[0] ?? [];
  const attributes = [...byFlags]
    .filter(([own]) => own !== flags)
    .map(([value, mask]): Attribute => ({ id: ATTRIBUTE.flags, value, mask }));

  const isOutput = maskBy(lines, ({ direction }) => direction === "output").get(true);
  const isActive = maskBy(lines, ({ direction, initial }) => direction === "output" && initial).get(true);
  if (isOutput !== undefined) attributes.push({ id: ATTRIBUTE.outputValues, value: isActive ?? 0n, mask: isOutput });

  for (const [micros, mask] of maskBy(lines, ({ debounce }) =>
    Math.min(Math.round(debounce * 1000), MAX_DEBOUNCE_US),
  )) {
    if (micros > 0) attributes.push({ id: ATTRIBUTE.debounce, value: BigInt(micros), mask });
  }
  return { flags, attributes };
}

function maskBy<T>(lines: readonly LineSettings[], keyOf: (line: LineSettings) => T): Map<T, bigint> {
  const masks = new Map<T, bigint>();
  for (const [i, line] of lines.entries()) {
    const key = keyOf(line);
    masks.set(key, (masks.get(key) ?? 0n) | (1n << BigInt(i)));
  }
  return masks;
}

function countBits(mask: bigint): number {
  let count = 0;
  for (let rest = mask; rest > 0n; rest >>= 1n) count += Number(rest & 1n);
  return count;
}

export interface RequestFields {
  readonly consumer: string;
  readonly lines: readonly LineSettings[];
  /** 0 leaves it to the kernel, which takes 16 for each line. */
  readonly eventBuffer: number;
}

/** @throws GpioError invalid-argument, unsupported when one request has no room for so much */
export function encodeLineRequest({ consumer, lines, eventBuffer }: RequestFields): Uint8Array {
  if (lines.length === 0 || lines.length > MAX_LINES) {
    throw new GpioError("invalid-argument", `${lines.length} lines are asked for, want 1 to ${MAX_LINES}`);
  }
  const { flags, attributes } = planAttributes(lines);
  if (attributes.length > MAX_ATTRIBUTES) {
    throw new GpioError("unsupported", "the lines have more different settings than the kernel takes in one request");
  }
  const bytes = new Uint8Array(SIZE.request);
  const view = viewOf(bytes);
  for (const [i, { offset }] of lines.entries()) view.setUint32(4 * i, offset, true);
  // Cut within a character it would still be a name, and always has a zero at its end.
  new TextEncoder().encodeInto(consumer, bytes.subarray(256, 256 + MAX_NAME - 1));
  view.setBigUint64(288, flags, true);
  view.setUint32(296, attributes.length, true);
  for (const [i, { id, value, mask }] of attributes.entries()) {
    const at = 320 + 24 * i;
    view.setUint32(at, id, true);
    view.setBigUint64(at + 8, value, true);
    view.setBigUint64(at + 16, mask, true);
  }
  view.setUint32(560, lines.length, true);
  view.setUint32(564, eventBuffer, true);
  return bytes;
}

/** The descriptor that the kernel has put into a request. */
export const decodeDescriptor = (request: Uint8Array): number => viewOf(request).getInt32(588, true);

/** Bit i of both is line i of the request; only lines of the mask are read or set. */
export function encodeValues(bits: bigint, mask: bigint): Uint8Array {
  const bytes = new Uint8Array(SIZE.values);
  const view = viewOf(bytes);
  view.setBigUint64(0, bits, true);
  view.setBigUint64(8, mask, true);
  return bytes;
}

export const decodeBits = (values: Uint8Array): bigint => viewOf(values).getBigUint64(0, true);

/** Edges of one read. */
export function decodeEvents(bytes: Uint8Array): LineEvent[] {
  const view = viewOf(bytes);
  const events: LineEvent[] = [];
  for (let at = 0; at + SIZE.event <= bytes.length; at += SIZE.event) {
    events.push({
      timestamp: view.getBigUint64(at, true),
      edge: view.getUint32(at + 8, true) === RISING ? "rising" : "falling",
      offset: view.getUint32(at + 12, true),
      sequence: view.getUint32(at + 16, true),
      lineSequence: view.getUint32(at + 20, true),
    });
  }
  return events;
}
