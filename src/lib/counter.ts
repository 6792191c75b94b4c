/** What a counter may hold. */
export interface CounterBounds {
  readonly min: bigint;
  readonly max: bigint;
}

export const SIGNED_64: CounterBounds = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
export const UNSIGNED_64: CounterBounds = { min: 0n, max: 2n ** 64n - 1n };
/** Any value of either. */
const EITHER_64: CounterBounds = { min: SIGNED_64.min, max: UNSIGNED_64.max };

/**
 * Adds to a counter, which is stored as decimal text and may hold any value of a signed or unsigned 64-bit integer.
 * @throws RangeError when `stored` is no counter or the sum leaves the bounds
 */
export function addToCounter(
  stored: Uint8Array | undefined,
  delta: bigint,
  { min, max }: CounterBounds = EITHER_64,
): bigint {
  const sum = (stored === undefined ? 0n : parseCounter(stored)) + delta;
  if (sum < min || sum > max)
    throw new RangeError(`Cannot add ${delta} to a counter: ${sum} does not fit in ${wording(min)}`);
  return sum;
}

const wording = (min: bigint): string => (min === 0n ? "64 bits without a sign" : "64 bits");

function parseCounter(stored: Uint8Array): bigint {
  // A counter has at most 20 digits and a sign: what is longer is not decoded to find that out.
  const text = stored.byteLength > 21 ? "" : new TextDecoder().decode(stored);
  const value = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value < EITHER_64.min || value > EITHER_64.max) {
    throw new RangeError(`Cannot add to a counter: found ${stored.byteLength} bytes that are no 64-bit number`);
  }
  return value;
}

export function encodeCounter(value: bigint): Uint8Array {
  return new TextEncoder().encode(value.toString());
}
