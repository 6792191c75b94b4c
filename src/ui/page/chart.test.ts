import { describe, test } from "vitest";
import { drawChart, niceAbove } from "./chart.ts";

const frame = { width: 100, height: 50, now: 100, span: 100, least: 10 };

describe("drawChart()", () => {
  test("draws a line from left to right, with room above", ({ expect }) => {
    const chart = drawChart(
      [
        { at: 80, value: 0 },
        { at: 90, value: 10 },
        { at: 100, value: 20 },
      ],
      frame,
    );
    expect(chart).toEqual({
      line: "M80 50L90 25L100 0",
      area: "M80 50L80 50L90 25L100 0L100 50Z",
      top: 20,
      highest: 20,
      last: 20,
    });
  });

  test("joins nothing over a gap, and shows nothing that is too old", ({ expect }) => {
    const { line, last } = drawChart(
      [
        { at: -5, value: 3 },
        { at: 0, value: 3 },
        { at: 40, value: 3 },
        { at: 42, value: 4 },
        { at: 44, value: undefined },
        { at: 46, value: 4 },
        { at: 48, value: undefined },
      ],
      frame,
    );
    expect(line).toBe("M0 35M40 35L42 30M46 30");
    expect(last).toBeUndefined();
    expect(drawChart([], frame)).toMatchObject({ line: "", area: "", top: 10 });
  });
});

test("niceAbove() rounds up to a number that is easy to read", ({ expect }) => {
  expect([0, -1, NaN, 0.3, 1, 1.1, 4, 51, 1000, 1001].map(niceAbove)).toEqual([1, 1, 1, 0.5, 1, 2, 5, 100, 1000, 2000]);
});
