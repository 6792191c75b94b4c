import { describe, test } from "vitest";
import { pressesOf, type Edge } from "./presses.ts";

const rising = (sequence: number): Edge => ({ edge: "rising", sequence });
const falling = (sequence: number): Edge => ({ edge: "falling", sequence });

describe("pressesOf()", () => {
  test("counts rising edges only", ({ expect }) => {
    expect(pressesOf({ events: [rising(1), falling(2), rising(3)], lost: 0 })).toEqual([1, 3]);
  });

  test("finds none in the release of a press that was counted before", ({ expect }) => {
    expect(pressesOf({ events: [falling(2)], lost: 0 })).toEqual([]);
  });

  test("concludes from a release after a loss that the edge before it was a press", ({ expect }) => {
    expect(pressesOf({ events: [falling(8), rising(9)], lost: 3 })).toEqual([7, 9]);
  });

  test("guesses nothing when a press follows the loss", ({ expect }) => {
    expect(pressesOf({ events: [rising(9)], lost: 3 })).toEqual([9]);
  });
});
