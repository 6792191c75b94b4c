import { describe, test } from "vitest";
import { encodeWindow, parseWindow } from "./window.ts";

const window = { seq: 7, rate: 3200, samples: Float64Array.of(0, 1.5, -1.5, 0.25) };

describe("parseWindow()", () => {
  test("takes what a sensor sends", ({ expect }) => {
    expect(parseWindow(encodeWindow(window, 0.25))).toEqual(window);
  });

  test("refuses what is none", ({ expect }) => {
    const good = encodeWindow(window, 0.25);
    const changed = (change: (view: DataView) => void): Uint8Array => {
      const copy = good.slice();
      change(new DataView(copy.buffer));
      return copy;
    };
    const bad = [
      new Uint8Array(0),
      good.subarray(0, 15),
      good.subarray(0, -1),
      changed((view) => view.setFloat32(4, 0, true)),
      changed((view) => view.setFloat32(4, Number.NaN, true)),
      changed((view) => view.setFloat32(8, Number.POSITIVE_INFINITY, true)),
      changed((view) => view.setUint32(12, 3, true)),
      changed((view) => view.setUint32(12, 2 ** 31, true)),
    ];
    for (const body of bad) expect(() => parseWindow(body)).toThrow(/^want /);
  });
});
