import { withCrc, hasValidCrc } from "./crc.ts";
import { MOST_BITS, MOST_WORDS } from "./frames.ts";
import type { RegisterConfig } from "./config.ts";
import { WORDS } from "./values.ts";

export type Table = RegisterConfig["table"];

/** A device on a Modbus line that holds whatever it was given: registers and bits that nobody set are 0. */
export interface PlayedDevice {
  get(table: Table, address: number): number;
  set(table: Table, address: number, value: number): void;
}

export interface PlayedLineOptions {
  readonly send: (bytes: Uint8Array) => void;
  /** The master wrote another value than there was. */
  readonly onWrite: (unit: number, table: Table, address: number, value: number) => void;
}

/** All devices of a line. Bytes that the master sent go into `receive`. */
export interface PlayedLine {
  device(unit: number): PlayedDevice;
  receive(chunk: Uint8Array): void;
}

const READS = { 1: "coil", 2: "discrete", 3: "holding", 4: "input" } as const;
const ILLEGAL_FUNCTION = 1;
const ILLEGAL_ADDRESS = 2;
const ILLEGAL_VALUE = 3;
const EXCEPTION = 0x80;
const ON = 0xff00;
const ADDRESSES = 0x1_0000;

export function createPlayedLine({ send, onWrite }: PlayedLineOptions): PlayedLine {
  const devices = new Map<number, Map<string, number>>();
  let received = Buffer.alloc(0);

  const cells = (unit: number): Map<string, number> => {
    const found = devices.get(unit) ?? new Map<string, number>();
    devices.set(unit, found);
    return found;
  };
  const read = (unit: number, table: Table, address: number): number => cells(unit).get(`${table} ${address}`) ?? 0;
  const write = (unit: number, table: Table, address: number, value: number): void => {
    const before = read(unit, table, address);
    cells(unit).set(`${table} ${address}`, value);
    if (value !== before) onWrite(unit, table, address, value);
  };

  /** Function and data of the answer, or the number of an exception. */
  const carryOut = (unit: number, pdu: Buffer): readonly number[] | number => {
    const code = pdu.readUInt8(0);
    const address = pdu.readUInt16BE(1);
    const second = pdu.readUInt16BE(3);
    switch (code) {
      case 1:
      case 2: {
        if (second < 1 || second > MOST_BITS) return ILLEGAL_VALUE;
        if (address + second > ADDRESSES) return ILLEGAL_ADDRESS;
        const bytes = new Uint8Array(Math.ceil(second / 8));
        for (let i = 0; i < second; i += 1) {
          if (read(unit, READS[code], address + i) !== 0) bytes[i >> 3] = (bytes[i >> 3] ?? 0) | (1 << (i & 7));
        }
        return [code, bytes.length, ...bytes];
      }
      case 3:
      case 4: {
        if (second < 1 || second > MOST_WORDS) return ILLEGAL_VALUE;
        if (address + second > ADDRESSES) return ILLEGAL_ADDRESS;
        const words = Array.from({ length: second }, (_, i) => read(unit, READS[code], address + i));
        return [code, words.length * 2, ...words.flatMap((word) => [word >> 8, word & 0xff])];
      }
      case 5:
        if (second !== ON && second !== 0) return ILLEGAL_VALUE;
        write(unit, "coil", address, second === ON ? 1 : 0);
        return [...pdu.subarray(0, 5)];
      case 6:
        write(unit, "holding", address, second);
        return [...pdu.subarray(0, 5)];
      case 15:
        if (address + second > ADDRESSES) return ILLEGAL_ADDRESS;
        if (pdu.readUInt8(5) !== Math.ceil(second / 8)) return ILLEGAL_VALUE;
        for (let i = 0; i < second; i += 1)
          write(unit, "coil", address + i, (pdu.readUInt8(6 + (i >> 3)) >> (i & 7)) & 1);
        return [...pdu.subarray(0, 5)];
      case 16:
        if (address + second > ADDRESSES) return ILLEGAL_ADDRESS;
        if (pdu.readUInt8(5) !== second * 2) return ILLEGAL_VALUE;
        for (let i = 0; i < second; i += 1) write(unit, "holding", address + i, pdu.readUInt16BE(6 + i * 2));
        return [...pdu.subarray(0, 5)];
      default:
        return ILLEGAL_FUNCTION;
    }
  };

  const answer = (frame: Buffer): void => {
    const unit = frame.readUInt8(0);
    const pdu = frame.subarray(1, -2);
    // A broadcast reaches every device that there is, and nobody answers.
    for (const one of unit === 0 ? devices.keys() : [unit]) {
      const result = carryOut(one, pdu);
      if (unit === 0) continue;
      const bytes = typeof result === "number" ? [pdu.readUInt8(0) | EXCEPTION, result] : result;
      send(withCrc(Uint8Array.from([unit, ...bytes])));
    }
  };

  return {
    device: (unit) => {
      cells(unit);
      return {
        get: (table, address) => read(unit, table, address),
        set: (table, address, value) => void cells(unit).set(`${table} ${address}`, value),
      };
    },
    receive(chunk) {
      received = Buffer.concat([received, chunk]);
      for (;;) {
        const length = lengthOf(received);
        if (length === undefined || received.length < length) return;
        const frame = received.subarray(0, length);
        if (hasValidCrc(frame)) {
          received = received.subarray(length);
          answer(frame);
        } else received = received.subarray(1);
      }
    },
  };
}

/** Of the request at the start; undefined while that is not known. */
function lengthOf(received: Buffer): number | undefined {
  if (received.length < 7) return undefined;
  const code = received.readUInt8(1);
  return code === 15 || code === 16 ? 9 + received.readUInt8(6) : 8;
}

type Scale = Pick<RegisterConfig, "type" | "word_order" | "scale" | "offset">;

/** The registers that mean `value`: what `valueOf` reads from them is that again, as far as the type can have it. */
export function wordsOf({ type, word_order, scale, offset }: Scale, value: number): readonly number[] {
  const raw = (value - offset) / scale;
  const view = new DataView(new ArrayBuffer(4));
  const whole = Math.round(raw);
  if (type === "f32") view.setFloat32(0, raw);
  else if (type === "i32") view.setInt32(0, whole);
  else if (type === "u32") view.setUint32(0, whole);
  else if (type === "i16") view.setInt16(0, whole);
  else view.setUint16(0, type === "bool" ? Number(raw !== 0) : whole);
  const words = Array.from({ length: WORDS[type] }, (_, i) => view.getUint16(i * 2));
  return word_order === "big" ? words : words.toReversed();
}
