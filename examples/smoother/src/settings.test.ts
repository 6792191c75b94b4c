import { describe, test } from "vitest";
import { readSettings } from "./settings.ts";

const reader = (config: Readonly<Record<string, string>>) => (key: string) => config[key];

describe("readSettings()", () => {
  test("has defaults for everything and then watches no limit", ({ expect }) => {
    expect(readSettings(reader({}))).toEqual({ factor: 0.3, limit: undefined, hysteresis: 0 });
  });

  test("reads numbers", ({ expect }) => {
    const config = { factor: "1", limit: "-2.5", hysteresis: "0.5" };
    expect(readSettings(reader(config))).toEqual({ factor: 1, limit: -2.5, hysteresis: 0.5 });
  });

  test.for([
    ["factor", "0"],
    ["factor", "1.01"],
    ["factor", ""],
    ["limit", "hot"],
    ["limit", "Infinity"],
    ["hysteresis", "-1"],
  ] as const)("refuses %s = %j", ([key, value], { expect }) => {
    expect(() => readSettings(reader({ [key]: value }))).toThrow(`configuration "${key}": found "${value}"`);
  });
});
