// Geometric values. Of a line, which PostgreSQL keeps as an equation, two points.

import { paramsFault } from "../sql-fault.ts";
import type { Codec } from "./codec.ts";
import { floatText, joinDouble, splitDouble, type SplitFloat } from "./floats.ts";

type Point = readonly [SplitFloat, SplitFloat];
type Pair = readonly [Point, Point];

const numbers = (text: string): number[] => Array.from(text.matchAll(/[^\s(),<>{}[\]]+/g), ([found]) => Number(found));

const toPoint = (x: number, y: number): Point => [splitDouble(x), splitDouble(y)];

function readPoints(text: string): Point[] {
  const found = numbers(text);
  return found.flatMap((x, at) => (at % 2 === 0 ? [toPoint(x, found[at + 1] ?? Number.NaN)] : []));
}

const writePoint = ([x, y]: Point): string => `(${floatText(joinDouble(x))},${floatText(joinDouble(y))})`;
const writePoints = (points: readonly Point[]): string => points.map(writePoint).join(",");

function some(points: readonly Point[]): readonly Point[] {
  if (points.length === 0) throw paramsFault("a path or polygon has at least one point");
  return points;
}

export const point: Codec<Point> = { read: (text) => readPoints(text)[0], write: writePoint };

/** Lower left and upper right; PostgreSQL writes the upper right first. */
export const box: Codec<Pair> = { read: (text) => readPoints(text).toReversed(), write: writePoints };

export const segment: Codec<Pair> = { read: readPoints, write: (points) => `[${writePoints(points)}]` };

export const line: Codec<Pair> = {
  read: (text) => {
    const [a = 0, b = 0, c = 0] = numbers(text);
    if (b === 0) return [toPoint(-c / a, 0), toPoint(-c / a, 1)];
    return [toPoint(0, -c / b), toPoint(1, -(a + c) / b)];
  },
  write: (points) => `[${writePoints(points)}]`,
};

/** The contract does not tell open from closed: one that is written is open. */
export const path: Codec<readonly Point[]> = { read: readPoints, write: (points) => `[${writePoints(some(points))}]` };
export const polygon: Codec<readonly Point[]> = {
  read: readPoints,
  write: (points) => `(${writePoints(some(points))})`,
};

export const circle: Codec<readonly [Point, SplitFloat]> = {
  read: (text) => {
    const [x = 0, y = 0, radius = 0] = numbers(text);
    return [toPoint(x, y), splitDouble(radius)];
  },
  write: ([center, radius]) => `<${writePoint(center)},${floatText(joinDouble(radius))}>`,
};
