import { describe, test } from "vitest";
import { checkPages, findReadOnlyOverlaps, loadAlignment, readElf, repairOverlaps } from "./elf.ts";

const R = 4;
const RW = 6;

interface Load {
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
  readonly memory?: number;
  readonly align?: number;
}

/** An ELF file of the given segments, with nothing in them. */
function elf(loads: readonly Load[], machine = 183): Uint8Array {
  const end = Math.max(...loads.map((one) => one.offset + one.size));
  const bytes = new Uint8Array(64 + loads.length * 56 + end);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x7f454c46);
  bytes.set([2, 1, 1], 4);
  view.setUint16(18, machine, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, loads.length, true);
  for (const [index, { flags, offset, address, size, memory = size, align = 0x1000 }] of loads.entries()) {
    const at = 64 + index * 56;
    view.setUint32(at, 1, true);
    view.setUint32(at + 4, flags, true);
    for (const [field, value] of [offset, address, address, size, memory, align].entries()) {
      view.setBigUint64(at + 8 + field * 8, BigInt(value), true);
    }
  }
  return bytes;
}

const DATA: Load = { flags: RW, offset: 0x2a0, address: 0x4002a0, size: 0x1c00 };
// What the builder adds: 4 KiB further, within the same 16 KiB.
const ADDED: Load = { flags: R, offset: 0x2000, address: 0x402000, size: 0x500 };

describe("repairOverlaps()", () => {
  test("gives a segment on the last page of the data the right to write", ({ expect }) => {
    const bytes = elf([DATA, ADDED]);
    expect(() => checkPages(bytes)).toThrow(/shares a page/);
    expect(repairOverlaps(bytes)).toBe(1);
    expect(readElf(bytes).segments.map((one) => one.flags)).toEqual([RW, RW]);
    checkPages(bytes);
    expect(repairOverlaps(bytes)).toBe(0);
  });

  test("changes nothing else in the file", ({ expect }) => {
    const before = elf([DATA, ADDED]);
    const after = Uint8Array.from(before);
    repairOverlaps(after);
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    expect(changed).toEqual([64 + 56 + 4]);
  });

  test("leaves a segment alone that begins on a page of its own", ({ expect }) => {
    const bytes = elf([DATA, { ...ADDED, offset: 0x10000, address: 0x410000 }]);
    expect(repairOverlaps(bytes)).toBe(0);
    expect(readElf(bytes).segments.map((one) => one.flags)).toEqual([RW, R]);
  });

  test("counts the memory behind the data that is not in the file", ({ expect }) => {
    const { segments } = readElf(
      elf([
        { ...DATA, memory: 0x10000 },
        { ...ADDED, offset: 0x12000, address: 0x412000 },
      ]),
    );
    expect(findReadOnlyOverlaps(segments)).toHaveLength(1);
  });

  test.for([
    ["lie apart in the file", [DATA, { ...ADDED, offset: 0x12000 }]],
    ["are not in the file to their end", [{ ...DATA, memory: 0x1d00 }, ADDED]],
  ] as const)("refuses segments that %s: the page would hold something else", ([, loads], { expect }) => {
    expect(() => repairOverlaps(elf(loads))).toThrow(/lie apart/);
  });
});

describe("checkPages()", () => {
  test("refuses a segment whose address and place in the file differ within a page", ({ expect }) => {
    expect(() => checkPages(elf([{ ...DATA, address: 0x4012a0 }]))).toThrow(/cannot be mapped/);
  });
});

describe("readElf()", () => {
  test("reads what the running Node needs", async ({ expect }) => {
    const { readFile } = await import("node:fs/promises");
    const { machine, needed } = readElf(await readFile(process.execPath));
    expect(machine).toBe(process.arch === "arm64" ? "aarch64" : "x86-64");
    expect(needed).toContain("libc.so.6");
    expect(needed).toContain("libatomic.so.1");
  });

  test("knows the smallest alignment", ({ expect }) => {
    const bytes = elf([{ ...DATA, align: 0x10000 }, ADDED]);
    expect(loadAlignment(readElf(bytes))).toBe(0x1000);
  });

  test.for([
    ["nothing", new Uint8Array(0)],
    ["a script", new TextEncoder().encode("#!/bin/sh\n".repeat(20))],
    ["another machine's", elf([DATA], 40)],
    ["one that is cut short", elf([DATA]).subarray(0, 100)],
    ["one whose segment is cut off", elf([DATA]).subarray(0, 0x400)],
  ] as const)("refuses %s", ([, bytes], { expect }) => {
    expect(() => readElf(bytes)).toThrow(/ELF|damaged|beyond/);
  });
});
