// A window of a vibration sensor: 16 bytes, then samples. All of it little-endian.
//
//   0  u32  the sensor's count of its windows
//   4  f32  samples a second
//   8  f32  what one step of a sample is, in mm/s²
//  12  u32  how many samples follow, each i16

export interface Window {
  readonly seq: number;
  readonly rate: number;
  readonly samples: Float64Array;
}

const HEADER = 16;
/** The longest transform that stays well below the deadline of a call. */
export const MOST_SAMPLES = 8192;

/** @throws Error that says what is wanted */
export function parseWindow(body: Uint8Array): Window {
  if (body.length < HEADER) throw new Error(`want a header of ${HEADER} bytes, found ${body.length}`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [rate, step, count] = [view.getFloat32(4, true), view.getFloat32(8, true), view.getUint32(12, true)];
  if (!(rate > 0 && rate < 1e6)) throw new Error("want samples a second, above 0");
  if (!Number.isFinite(step)) throw new Error("want the size of a step");
  if (count < 2 || count > MOST_SAMPLES || (count & (count - 1)) !== 0) {
    throw new Error(`want a power of two of samples, up to ${MOST_SAMPLES}, found ${count}`);
  }
  if (body.length !== HEADER + 2 * count) throw new Error(`want ${HEADER + 2 * count} bytes, found ${body.length}`);
  const samples = new Float64Array(count);
  for (let i = 0; i < count; i++) samples[i] = view.getInt16(HEADER + 2 * i, true) * step;
  return { seq: view.getUint32(0, true), rate, samples };
}

/** What a sensor sends. */
export function encodeWindow({ seq, rate, samples }: Window, step: number): Uint8Array {
  const body = new Uint8Array(HEADER + 2 * samples.length);
  const view = new DataView(body.buffer);
  view.setUint32(0, seq, true);
  view.setFloat32(4, rate, true);
  view.setFloat32(8, step, true);
  view.setUint32(12, samples.length, true);
  samples.forEach((value, i) => view.setInt16(HEADER + 2 * i, Math.round(value / step), true));
  return body;
}
