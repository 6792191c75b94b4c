import { describe, test } from "vitest";
import { add, FIRST_DAY, nextDay, summaryOf } from "./summary.ts";

const read = (values: readonly number[], sensor = "flow") => values.map((value, seq) => ({ sensor, seq, value }));

describe("summaryOf()", () => {
  test("tells what a day was like", ({ expect }) => {
    const day = [...read([3, 1, 2.5]), ...read([20], "hall")].reduce(add, FIRST_DAY);
    expect(summaryOf(day)).toEqual({
      seq: 1,
      sensors: {
        flow: { count: 3, min: 1, max: 3, mean: 2.167 },
        hall: { count: 1, min: 20, max: 20, mean: 20 },
      },
    });
  });

  test("tells of a day without readings, too", ({ expect }) => {
    expect(summaryOf(nextDay(read([3]).reduce(add, FIRST_DAY)))).toEqual({ seq: 2, sensors: {} });
  });
});

test("add() takes any name for a sensor", ({ expect }) => {
  const { sensors } = summaryOf(read([2, 4], "constructor").reduce(add, FIRST_DAY));
  expect(sensors).toEqual({ constructor: { count: 2, min: 2, max: 4, mean: 3 } });
});

test("add() takes no more than 64 sensors", ({ expect }) => {
  const many = Array.from({ length: 70 }, (_, i) => read([1, 2], `s${i}`)).flat();
  const { sensors } = many.reduce(add, FIRST_DAY);
  expect(Object.keys(sensors)).toHaveLength(64);
  expect(sensors["s63"]?.count).toBe(2);
});
