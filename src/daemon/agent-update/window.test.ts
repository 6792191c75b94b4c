import { test } from "vitest";
import { untilWindow } from "./window.ts";

const at = (hours: number, minutes = 0): Date => new Date(2027, 0, 15, hours, minutes);
const night = { from: 2 * 60, to: 5 * 60 };
const overMidnight = { from: 22 * 60, to: 4 * 60 };

test.for([
  [night, at(2), 0],
  [night, at(4, 59), 0],
  [night, at(5), 21 * 60],
  [night, at(1, 30), 30],
  [overMidnight, at(23), 0],
  [overMidnight, at(3, 59), 0],
  [overMidnight, at(4), 18 * 60],
  [overMidnight, at(21, 59), 1],
] as const)("untilWindow() of %j at %s is %i minutes", ([window, now, minutes], { expect }) => {
  expect(untilWindow(window, now)).toBe(minutes * 60_000);
});
