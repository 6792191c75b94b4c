import { describe, test } from "vitest";
import { analyse, transform } from "./spectrum.ts";

const RATE = 3200;
const wave = (parts: readonly (readonly [hz: number, amplitude: number])[], size = 2048, offset = 0): Float64Array =>
  Float64Array.from({ length: size }, (_, i) =>
    parts.reduce((sum, [hz, amplitude]) => sum + amplitude * Math.sin((2 * Math.PI * hz * i) / RATE + hz), offset),
  );

describe("transform()", () => {
  test("is what the definition says", ({ expect }) => {
    const size = 16;
    const signal = Float64Array.from({ length: size }, (_, i) => Math.sin(i * i) + i / 7);
    const [real, imaginary] = [signal.slice(), new Float64Array(size)];
    transform(real, imaginary);
    for (let k = 0; k < size; k++) {
      const sum = (of: (angle: number) => number): number =>
        signal.reduce((total, value, i) => total + value * of((-2 * Math.PI * k * i) / size), 0);
      expect(real[k]).toBeCloseTo(sum(Math.cos), 9);
      expect(imaginary[k]).toBeCloseTo(sum(Math.sin), 9);
    }
  });

  test("refuses what is no power of two", ({ expect }) => {
    for (const size of [0, 1, 12])
      expect(() => transform(new Float64Array(size), new Float64Array(size))).toThrow(/power of two/);
  });
});

describe("analyse()", () => {
  test("finds frequencies between the lines, with their amplitudes", ({ expect }) => {
    const { peaks, rms } = analyse(
      wave(
        [
          [49.3, 2],
          [121.9, 0.7],
        ],
        2048,
        5,
      ),
      RATE,
    );
    expect(peaks.map(({ hz }) => Math.round(hz * 10) / 10)).toEqual([49.3, 121.9]);
    expect(Math.abs((peaks[0]?.amplitude ?? 0) - 2)).toBeLessThan(0.15);
    expect(Math.abs((peaks[1]?.amplitude ?? 0) - 0.7)).toBeLessThan(0.05);
    expect(rms).toBeCloseTo(Math.sqrt((2 * 2 + 0.7 * 0.7) / 2), 1);
  });

  test("finds none in silence", ({ expect }) => {
    expect(analyse(new Float64Array(64).fill(3), RATE)).toEqual({ rms: 0, peaks: [] });
  });
});
