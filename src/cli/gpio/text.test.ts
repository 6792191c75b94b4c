import { describe, test } from "vitest";
import { millis } from "../../domain/units.ts";
import { edgeToJson, formatChips, formatEdge, formatLevels } from "./text.ts";

describe("formatChips()", () => {
  test("shows what differs from the usual", ({ expect }) => {
    const line = { activeLow: false, bias: "as-is", drive: "push-pull", edges: "none", debounce: millis(0) } as const;
    const text = formatChips([
      {
        name: "gpiochip0",
        label: "pinctrl-rp1",
        lines: [
          { ...line, offset: 0, name: "", usedBy: undefined, direction: "input" },
          {
            offset: 17,
            name: "GPIO17",
            usedBy: "petiole-pins",
            direction: "input",
            activeLow: true,
            bias: "pull-up",
            drive: "push-pull",
            edges: "both",
            debounce: millis(5),
          },
          { ...line, offset: 27, name: "GPIO27", usedBy: undefined, direction: "output", drive: "open-drain" },
        ],
      },
    ]);
    expect(text.split("\n")).toEqual([
      "pinctrl-rp1 (gpiochip0), 3 lines",
      "LINE  NAME    DIRECTION  USED BY       SETTINGS",
      "0     -       input      -",
      "17    GPIO17  input      petiole-pins  active low, pull-up, edges both, debounce 5 ms",
      "27    GPIO27  output     -             open-drain",
    ]);
    expect(formatChips([])).toBe("this machine has no GPIO chip");
  });
});

describe("levels and edges", () => {
  test("for people and for programs", ({ expect }) => {
    expect(formatLevels([{ line: "GPIO17", offset: 17, level: true }])).toBe(
      "NAME    LINE  LEVEL\nGPIO17  17    active",
    );
    const edge = { line: "17", offset: 17, edge: "rising", timestamp: 12_345_678_901n, sequence: 9n, lost: 2 } as const;
    expect(formatEdge(edge)).toBe("12.345678  17 rising #9 (2 lost before)");
    const json = { line: "17", offset: 17, edge: "rising", timestamp: "12345678901", sequence: 9, lost: 2 };
    expect(edgeToJson(edge)).toEqual(json);
  });
});
