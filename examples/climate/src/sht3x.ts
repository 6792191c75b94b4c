// The SHT3x family of humidity and temperature sensors, as its data sheet describes it: periodic mode, so that nobody
// has to wait for a measurement.

/** One measurement a second, high repeatability. */
export const START: readonly number[] = [0x21, 0x30];
/** What was measured since the last time. Not acknowledged when nothing was, or after power was lost. */
export const FETCH: readonly number[] = [0xe0, 0x00];
/** Two words, each with a checksum. */
export const LENGTH = 6;

export interface Climate {
  /** In degrees Celsius, to two digits. */
  readonly temperature: number;
  /** Relative, in percent, to two digits. */
  readonly humidity: number;
}

/** Undefined when a checksum does not fit, or bytes are missing. */
export function decode(bytes: Uint8Array): Climate | undefined {
  const temperature = wordAt(bytes, 0);
  const humidity = wordAt(bytes, 3);
  if (temperature === undefined || humidity === undefined) return undefined;
  return {
    temperature: round(-45 + (175 * temperature) / 65_535),
    humidity: round((100 * humidity) / 65_535),
  };
}

function wordAt(bytes: Uint8Array, at: number): number | undefined {
  const [high, low, checksum] = bytes.subarray(at, at + 3);
  if (high === undefined || low === undefined || checksum !== crc8([high, low])) return undefined;
  return high * 256 + low;
}

/** Polynomial x^8 + x^5 + x^4 + 1, from 0xff. */
export function crc8(bytes: readonly number[]): number {
  let crc = 0xff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80 ? ((crc << 1) ^ 0x31) & 0xff : crc << 1;
  }
  return crc;
}

const round = (value: number): number => Math.round(value * 100) / 100;
