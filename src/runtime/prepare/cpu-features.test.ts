import { describe, test } from "vitest";
import { featuresOfAuxv, featuresOfCpuInfo, readCpuFeatures } from "./cpu-features.ts";

const auxv = (...words: readonly number[]): Buffer => Buffer.from(BigUint64Array.from(words.map(BigInt)).buffer);

describe("featuresOfAuxv()", () => {
  test("takes the kernel's words for features", ({ expect }) => {
    expect(featuresOfAuxv(auxv(6, 4096, 16, 0x887, 26, 3, 0, 0))).toBe("887-3");
    expect(featuresOfAuxv(auxv(16, 1, 0, 0, 26, 2))).toBe("1");
  });

  test("does not guess", ({ expect }) => {
    expect(featuresOfAuxv(auxv(6, 4096, 0, 0))).toBe("unknown");
    expect(featuresOfAuxv(Buffer.alloc(7))).toBe("unknown");
  });
});

describe("featuresOfCpuInfo()", () => {
  test("tells processors with different flags apart", ({ expect }) => {
    const one = featuresOfCpuInfo("processor\t: 0\nflags\t\t: fpu sse2\nbugs\t: x\n");
    expect(featuresOfCpuInfo("processor\t: 1\nflags\t\t: fpu sse2\n")).toBe(one);
    expect(featuresOfCpuInfo("flags\t\t: fpu sse2 avx\n")).not.toBe(one);
    expect(featuresOfCpuInfo("Features\t: fp\n")).toBe("unknown");
  });
});

describe("readCpuFeatures()", () => {
  test("knows this machine", ({ expect }) => {
    expect(readCpuFeatures()).toMatch(/^[0-9a-f-]+$/);
  });
});
