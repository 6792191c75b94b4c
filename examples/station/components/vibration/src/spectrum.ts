// The frequencies in a piece of a signal.

export interface Peak {
  readonly hz: number;
  readonly amplitude: number;
}

export interface Spectrum {
  /** Root mean square, without the constant part. */
  readonly rms: number;
  /** All of its frequencies, the strongest first. */
  readonly peaks: readonly Peak[];
}

/** Peaks that are weaker than this part of the strongest are leakage and noise. */
const LEAST = 0.05;

/** `samples`: a power of two of them. */
export function analyse(samples: Float64Array, rate: number): Spectrum {
  const size = samples.length;
  const mean = samples.reduce((sum, value) => sum + value, 0) / size;
  const real = samples.map((value) => value - mean);
  const rms = Math.sqrt(real.reduce((sum, value) => sum + value * value, 0) / size);
  // Hann's window, so that a frequency between two lines does not spread over all of them.
  for (let i = 0; i < size; i++) real[i] = at(real, i) * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const imaginary = new Float64Array(size);
  transform(real, imaginary);
  // The window halves an amplitude, and the other half of a line is at the negative frequency.
  const amplitudes = Float64Array.from(
    { length: size / 2 },
    (_, i) => (4 * Math.hypot(at(real, i), at(imaginary, i))) / size,
  );
  return { rms, peaks: findPeaks(amplitudes, rate / size) };
}

/** Cooley and Tukey's transform, in place. */
export function transform(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length;
  if (size < 2 || (size & (size - 1)) !== 0) throw new Error(`want a power of two of samples, found ${size}`);
  reverseBits(real, imaginary);
  for (let length = 2; length <= size; length *= 2) {
    const half = length / 2;
    for (let k = 0; k < half; k++) {
      const [cos, sin] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
      for (let a = k; a < size; a += length) {
        const b = a + half;
        const lowRe = real[a] ?? 0;
        const lowIm = imaginary[a] ?? 0;
        const highRe = real[b] ?? 0;
        const highIm = imaginary[b] ?? 0;
        const re = highRe * cos - highIm * sin;
        const im = highRe * sin + highIm * cos;
        real[b] = lowRe - re;
        imaginary[b] = lowIm - im;
        real[a] = lowRe + re;
        imaginary[a] = lowIm + im;
      }
    }
  }
}

function reverseBits(real: Float64Array, imaginary: Float64Array): void {
  const size = real.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; (j & bit) !== 0; bit >>= 1) j ^= bit;
    j |= bit;
    if (i >= j) continue;
    [real[i], real[j]] = [at(real, j), at(real, i)];
    [imaginary[i], imaginary[j]] = [at(imaginary, j), at(imaginary, i)];
  }
}

function findPeaks(amplitudes: Float64Array, step: number): Peak[] {
  const found: Peak[] = [];
  for (let i = 1; i < amplitudes.length - 1; i++) {
    const [left, top, right] = [at(amplitudes, i - 1), at(amplitudes, i), at(amplitudes, i + 1)];
    if (top <= left || top < right) continue;
    // The top of the parabola through the three lines.
    const offset = (0.5 * (left - right)) / (left - 2 * top + right);
    found.push({ hz: (i + offset) * step, amplitude: top - 0.25 * (left - right) * offset });
  }
  found.sort((a, b) => b.amplitude - a.amplitude);
  const least = (found[0]?.amplitude ?? 0) * LEAST;
  return found.filter(({ amplitude }) => amplitude >= least);
}

/** For an index that is there, which the compiler cannot know. */
const at = (values: Float64Array, index: number): number => values[index] ?? 0;
