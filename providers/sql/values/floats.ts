// Floating point numbers as the contract has them: mantissa, exponent of two, and sign. What is no number has the
// largest exponent, as it has in its bits.

import type { Codec } from "./codec.ts";

export type SplitFloat = readonly [mantissa: bigint, exponent: number, sign: number];

interface Format {
  /** Bits of the fraction. */
  readonly fraction: bigint;
  /** Bits of the exponent. */
  readonly exponent: bigint;
  /** From the exponent in the bits to that of the mantissa as a whole number. */
  readonly bias: number;
}

const DOUBLE: Format = { fraction: 52n, exponent: 11n, bias: 1023 + 52 };
const SINGLE: Format = { fraction: 23n, exponent: 8n, bias: 127 + 23 };

const view = new DataView(new ArrayBuffer(8));

function split(bits: bigint, { fraction, exponent, bias }: Format): SplitFloat {
  const sign = bits >> (fraction + exponent) === 0n ? 1 : -1;
  const power = (bits >> fraction) & ((1n << exponent) - 1n);
  const rest = bits & ((1n << fraction) - 1n);
  const mantissa = power === 0n ? rest << 1n : rest | (1n << fraction);
  return [mantissa, Number(power) - bias, sign];
}

/** As a number of 64 bits. */
export function splitDouble(value: number): SplitFloat {
  view.setFloat64(0, value);
  return split(view.getBigUint64(0), DOUBLE);
}

/** As a number of 32 bits. */
export function splitSingle(value: number): SplitFloat {
  view.setFloat32(0, value);
  return split(BigInt(view.getUint32(0)), SINGLE);
}

function join([mantissa, exponent, sign]: SplitFloat, { fraction, exponent: width, bias }: Format): number {
  const largest = Number((1n << width) - 1n) - bias;
  if (exponent === largest) return mantissa === 1n << fraction ? sign * Infinity : Number.NaN;
  // In two steps, as two to the power of the exponent alone may be too small for a number.
  const half = Math.trunc(exponent / 2);
  return Math.sign(sign) * Number(mantissa) * 2 ** half * 2 ** (exponent - half);
}

export const joinDouble = (value: SplitFloat): number => join(value, DOUBLE);
/** Also takes what was split as a double. */
export function joinSingle(value: SplitFloat): number {
  const asDouble = value[0] >= 1n << 52n && value[1] === Number((1n << DOUBLE.exponent) - 1n) - DOUBLE.bias;
  return Math.fround(join(value, asDouble ? DOUBLE : SINGLE));
}

/** As PostgreSQL reads it. */
export const floatText = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));

export const double: Codec<SplitFloat> = {
  read: (text) => splitDouble(Number(text)),
  write: (value) => floatText(joinDouble(value)),
};
export const single: Codec<SplitFloat> = {
  read: (text) => splitSingle(Number(text)),
  write: (value) => floatText(joinSingle(value)),
};
