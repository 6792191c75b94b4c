// wasi:random. The insecure kinds are as good as the secure one: they are not worth a generator of their own.

/** @throws RangeError from a call that asks for more than `maxBytes`, which ends the guest's call */
export function createRandom(maxBytes: number): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const bytes = (length: bigint): Uint8Array => {
    if (length > maxBytes) throw new RangeError(`${length} random bytes were asked for at once`);
    return new Uint8Array(randomBytes(Number(length)));
  };
  const u64 = (): bigint => randomBytes(8).readBigUInt64LE();
  return {
    "wasi:random/random": { getRandomBytes: bytes, getRandomU64: u64 },
    "wasi:random/insecure": { getInsecureRandomBytes: bytes, getInsecureRandomU64: u64 },
    "wasi:random/insecure-seed": { insecureSeed: () => [u64(), u64()] as const },
  };
}

// Loading it takes a worker some milliseconds, and many guests never ask.
const randomBytes = (length: number): Buffer => process.getBuiltinModule("node:crypto").randomBytes(length);
