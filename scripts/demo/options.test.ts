import { describe, test } from "vitest";
import { parseOptions } from "./options.ts";

describe("parseOptions()", () => {
  test("has defaults", ({ expect }) => {
    expect(parseOptions([])).toEqual({ keep: false, seconds: 15 });
  });

  test("reads what is given", ({ expect }) => {
    expect(parseOptions(["--keep", "--seconds", "3.5"])).toEqual({ keep: true, seconds: 3.5 });
    expect(parseOptions(["--help"])).toBeUndefined();
  });

  test.for(["", "2", "3601", "soon", "Infinity"])("refuses --seconds %j", (seconds, { expect }) => {
    expect(() => parseOptions(["--seconds", seconds])).toThrow(`Cannot use --seconds "${seconds}"`);
  });

  test("refuses what it does not know", ({ expect }) => {
    expect(() => parseOptions(["--fast"])).toThrow(/--fast/);
    expect(() => parseOptions(["fast"])).toThrow(/fast/);
  });
});
