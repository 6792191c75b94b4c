import { describe, test } from "vitest";
import { cpuOf, parseTarget } from "./target.ts";

describe("parseTarget()", () => {
  test("knows machines, boards, and processors by the kernel's words", ({ expect }) => {
    expect(parseTarget("linux-x64")).toEqual({ name: "linux-x64", arch: "x64", features: undefined });
    expect(parseTarget("linux-arm64").features).toEqual([0x887, 0]);
    expect(parseTarget("linux-arm64,pi-5").features).toEqual([0x11_9fff, 0]);
    expect(parseTarget("linux-arm64,0xff,0x10").features).toEqual([0xff, 0x10]);
  });

  test("refuses anything else", ({ expect }) => {
    for (const name of [
      "",
      "linux",
      "darwin-arm64",
      "linux-x64,pi-4",
      "linux-arm64,pi-9",
      "linux-arm64,1",
      "linux-arm64,pi-4,0x0,0x0",
    ]) {
      expect(() => parseTarget(name), name).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
    }
  });
});

describe("cpuOf()", () => {
  test("names the processor as a board does", ({ expect }) => {
    expect(cpuOf(parseTarget("linux-arm64,pi-4"))).toBe("887-0");
    expect(cpuOf(parseTarget("linux-x64"))).toBeUndefined();
  });
});
