// Floats as the bits of integers: what a variant has where its cases differ in their flat types.

const bytes = new ArrayBuffer(8);
const f32 = new Float32Array(bytes);
const i32 = new Int32Array(bytes);
const f64 = new Float64Array(bytes);
const i64 = new BigInt64Array(bytes);

export function f32ToI32(value: number): number {
  f32[0] = value;
  return i32[0] ?? 0;
}

export function i32ToF32(value: number): number {
  i32[0] = value;
  return f32[0] ?? 0;
}

export function f64ToI64(value: number): bigint {
  f64[0] = value;
  return i64[0] ?? 0n;
}

export function i64ToF64(value: bigint): number {
  i64[0] = value;
  return f64[0] ?? 0;
}

/** Without sign, as all core values are passed. */
export function i32ToI64(value: number): bigint {
  return BigInt(value >>> 0);
}

export function i64ToI32(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}
