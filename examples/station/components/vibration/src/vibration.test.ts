import { test } from "vitest";
import { judge } from "./vibration.ts";

const RATE = 3200;
const samples = (bearing: number): Float64Array =>
  Float64Array.from({ length: 1024 }, (_, i) => {
    const turn = (2 * Math.PI * i) / RATE;
    return 2 * Math.sin(49 * turn) + bearing * Math.sin(120 * turn);
  });

test("judge() finds the bearing among stronger frequencies than are told of", ({ expect }) => {
  const loud = [300, 500, 700, 900].map((hz) => (i: number) => 2 * Math.sin((2 * Math.PI * hz * i) / RATE));
  const all = samples(1).map((value, i) => loud.reduce((sum, wave) => sum + wave(i), value));
  const { report, alarm } = judge({ seq: 1, rate: RATE, samples: all }, { from: 110, to: 130, limit: 0.5 });
  expect(report.peaks.map(({ hz }) => hz).filter((hz) => hz < 290)).toEqual([]);
  expect(report.peaks).toHaveLength(3);
  expect(alarm?.hz).toBeCloseTo(120, 0);
});

test("judge() raises an alarm for a strong frequency in the bearing's band alone", ({ expect }) => {
  const band = { from: 110, to: 130, limit: 0.5 };
  const good = judge({ seq: 1, rate: RATE, samples: samples(0.2) }, band);
  expect(good.report.seq).toBe(1);
  expect(good.alarm).toBeUndefined();
  const bad = judge({ seq: 2, rate: RATE, samples: samples(1) }, band);
  expect(bad.report.peaks).toHaveLength(2);
  expect(bad.alarm?.hz).toBeCloseTo(120, 0);
  expect(judge({ seq: 2, rate: RATE, samples: samples(1) }, { ...band, from: 125 }).alarm).toBeUndefined();
});
