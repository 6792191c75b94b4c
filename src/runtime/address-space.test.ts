import { describe, test } from "vitest";
import { AddressSpace, addressSpaceLeft, engineOptions, reservationOf } from "./address-space.ts";

const GIB = 1024 ** 3;

describe("engineOptions()", () => {
  test("reads what decides over address space, the last of several", ({ expect }) => {
    expect(engineOptions([])).toEqual({ trapHandler: true, stackSize: 984 * 1024 });
    expect(engineOptions(["--disable-wasm-trap-handler", "--wasm-stack-switching-stack-size=128", "--x"])).toEqual({
      trapHandler: false,
      stackSize: 128 * 1024,
    });
    expect(
      engineOptions(["--wasm_stack_switching_stack_size", "64", "--wasm-stack-switching-stack-size=256"]).stackSize,
    ).toBe(256 * 1024);
  });
});

describe("reservationOf()", () => {
  const stackSize = engineOptions(["--wasm-stack-switching-stack-size=112"]).stackSize;

  test("counts each memory's bound without the trap handler, its guard regions with it", ({ expect }) => {
    expect(reservationOf([65_536, 1_000_000], { trapHandler: false, stackSize })).toBe(1_065_536 + 128 * 1024);
    expect(reservationOf([65_536, 1_000_000], { trapHandler: true, stackSize })).toBe(16 * GIB + 128 * 1024);
  });
});

describe("addressSpaceLeft()", () => {
  const files = {
    limits:
      "Limit                     Soft Limit           Hard Limit           Units\nMax address space         unlimited            unlimited            bytes\n",
    maps: "7f8ce1b30000-7f8ce1c28000 ---p 00000000 00:00 0\n7ffc12345000-7ffc12366000 rw-p 00000000 00:00 0                          [stack]\n",
    status: "Name:\tnode\nVmSize:\t 1048576 kB\n",
  };

  test("is what the kernel's addresses leave", ({ expect }) => {
    expect(addressSpaceLeft(files)).toBe(2 ** 47 - GIB);
    const small = files.maps.replaceAll("7ffc", "7f").replaceAll("7f8c", "7f");
    expect(addressSpaceLeft({ ...files, maps: small })).toBe(2 ** 39 - GIB);
  });

  test("is what the limit of the process leaves when that is less", ({ expect }) => {
    const limits = files.limits.replace("unlimited   ", String(3 * GIB));
    expect(addressSpaceLeft({ ...files, limits })).toBe(2 * GIB);
  });

  test("is without bound when nothing is known", ({ expect }) => {
    expect(addressSpaceLeft({ limits: "", maps: "", status: "" })).toBe(Infinity);
  });
});

describe("AddressSpace", () => {
  test("refuses what is beyond the budget and takes back what is given back, once", ({ expect }) => {
    const space = new AddressSpace(100);
    const first = space.reserve(60);
    expect(space.reserve(60)).toBeUndefined();
    expect(space.reserve(40)).toBeDefined();
    expect(space.reserved).toBe(100);
    first?.[Symbol.dispose]();
    first?.[Symbol.dispose]();
    expect(space.reserved).toBe(40);
  });
});
