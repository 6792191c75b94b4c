const MIN = -(2n ** 63n);
const MAX = 2n ** 64n - 1n;

/**
 * Adds to a counter, which is stored as decimal text and may hold any value of a signed or unsigned 64-bit integer.
 * @throws RangeError when `stored` is no counter or the sum leaves 64 bits
 */
export function addToCounter(stored: Uint8Array | undefined, delta: bigint): bigint {
  const sum = (stored === undefined ? 0n : parseCounter(stored)) + delta;
  if (sum < MIN || sum > MAX) throw new RangeError(`Cannot add ${delta} to a counter: ${sum} does not fit in 64 bits`);
  return sum;
}

function parseCounter(stored: Uint8Array): bigint {
  const text = new TextDecoder().decode(stored);
  const value = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value < MIN || value > MAX) {
    throw new RangeError(`Cannot add to a counter: found ${stored.byteLength} bytes that are no 64-bit number`);
  }
  return value;
}

export function encodeCounter(value: bigint): Uint8Array {
  return new TextEncoder().encode(value.toString());
}
