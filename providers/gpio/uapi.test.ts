// The structs byte by byte, as <linux/gpio.h> lays them out on x86-64 and arm64.

import { describe, test } from "vitest";
import { millis } from "../../src/domain/units.ts";
import type { LineSettings } from "./backend.ts";
import {
  CALL,
  SIZE,
  decodeBits,
  decodeChipInfo,
  decodeDescriptor,
  decodeEvents,
  decodeLineInfo,
  encodeLineInfo,
  encodeLineRequest,
  encodeValues,
} from "./uapi.ts";

const INPUT: LineSettings = {
  offset: 0,
  direction: "input",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edges: "none",
  debounce: millis(0),
  clock: "monotonic",
  initial: false,
};
const OUTPUT: LineSettings = { ...INPUT, direction: "output" };

/** Bytes that are not zero, as `offset: hex` in runs. */
function runs(bytes: Uint8Array): Record<number, string> {
  const found: Record<number, string> = {};
  for (let at = 0; at < bytes.length; at += 4) {
    const word = Buffer.from(bytes.subarray(at, at + 4)).toString("hex");
    if (word !== "00000000") found[at] = word;
  }
  return found;
}

function structOf(size: number, parts: Readonly<Record<number, string>>): Uint8Array {
  const bytes = Buffer.alloc(size);
  for (const [at, hex] of Object.entries(parts)) bytes.write(hex, Number(at), "hex");
  return bytes;
}

const hex = (text: string): string => Buffer.from(text).toString("hex");

describe("numbers of the calls", () => {
  test("have the size of their struct in bits 16 to 29", ({ expect }) => {
    const sizes = Object.values(CALL).map((call) => (call >>> 16) & 0x3fff);
    expect(sizes).toEqual([SIZE.chipInfo, SIZE.lineInfo, SIZE.request, SIZE.values, SIZE.values]);
  });
});

describe("encodeLineRequest()", () => {
  test("puts one line where the kernel looks for it", ({ expect }) => {
    const line: LineSettings = { ...INPUT, offset: 17, edges: "both", bias: "pull-up", activeLow: true };
    const bytes = encodeLineRequest({ consumer: "petiole", lines: [line], eventBuffer: 128 });
    expect(bytes.length).toBe(592);
    expect(runs(bytes)).toEqual({
      0: "11000000",
      256: hex("peti"),
      260: `${hex("ole")}00`,
      // INPUT, ACTIVE_LOW, both edges, BIAS_PULL_UP
      288: "36010000",
      560: "01000000",
      564: "80000000",
    });
  });

  test("gives the flags of most lines to all, and the rest as attributes with a mask", ({ expect }) => {
    const lines: LineSettings[] = [
      { ...INPUT, offset: 3 },
      { ...OUTPUT, offset: 5, initial: true, drive: "open-drain" },
      { ...INPUT, offset: 7, debounce: millis(5) },
      { ...OUTPUT, offset: 1, drive: "open-drain" },
      { ...INPUT, offset: 63, debounce: millis(0.5), edges: "rising", clock: "realtime" },
      { ...INPUT, offset: 9, debounce: millis(5) },
    ];
    expect(runs(encodeLineRequest({ consumer: "", lines, eventBuffer: 0 }))).toEqual({
      0: "03000000",
      4: "05000000",
      8: "07000000",
      12: "01000000",
      16: "3f000000",
      20: "09000000",
      288: "04000000",
      296: "05000000",
      // FLAGS: OUTPUT, OPEN_DRAIN for lines 1 and 3 of the request
      320: "01000000",
      328: "48000000",
      336: "0a000000",
      // FLAGS: INPUT, EDGE_RISING, EVENT_CLOCK_REALTIME for line 4
      344: "01000000",
      352: "14080000",
      360: "10000000",
      // OUTPUT_VALUES: line 1 of 1 and 3
      368: "02000000",
      376: "02000000",
      384: "0a000000",
      // DEBOUNCE: 5,000 µs for 2 and 5
      392: "03000000",
      400: "88130000",
      408: "24000000",
      // 500 µs for 4
      416: "03000000",
      424: "f4010000",
      432: "10000000",
      560: "06000000",
    });
  });

  test.for([
    ["direction", { direction: "output" }, "08000000"],
    ["as it is", { direction: "as-is" }, undefined],
    ["bias disabled", { bias: "disabled" }, "04040000"],
    ["pull-down", { bias: "pull-down" }, "04020000"],
    ["open source", { direction: "output", drive: "open-source" }, "88000000"],
    ["falling edges by the chip's clock", { edges: "falling", clock: "hardware" }, "24100000"],
    ["no clock without edges", { clock: "hardware" }, "04000000"],
  ] as const)("flags: %s", ([, change, flags], { expect }) => {
    const bytes = encodeLineRequest({ consumer: "", lines: [{ ...INPUT, ...change }], eventBuffer: 0 });
    expect(runs(bytes)[288]).toBe(flags);
  });

  test("ends a consumer that is too long with a zero, and within a character never", ({ expect }) => {
    const bytes = encodeLineRequest({ consumer: `${"x".repeat(30)}é`, lines: [INPUT], eventBuffer: 0 });
    expect(Buffer.from(bytes.subarray(256, 288)).toString("latin1")).toBe(`${"x".repeat(30)}\0\0`);
  });

  test("takes 64 lines, and refuses what a request has no room for", ({ expect }) => {
    const many = (count: number, change: (i: number) => Partial<LineSettings> = () => ({})): LineSettings[] =>
      Array.from({ length: count }, (_, i) => ({ ...INPUT, offset: i, ...change(i) }));
    const encode = (lines: readonly LineSettings[]) => () => encodeLineRequest({ consumer: "", lines, eventBuffer: 0 });
    expect(runs(encode(many(64))())[252]).toBe("3f000000");
    expect(encode(many(65))).toThrow(expect.objectContaining({ reason: "invalid-argument" }));
    expect(encode([])).toThrow(expect.objectContaining({ reason: "invalid-argument" }));
    expect(encode(many(10, (i) => ({ debounce: millis(i + 1) })))).not.toThrow();
    expect(encode(many(11, (i) => ({ debounce: millis(i + 1) })))).toThrow(
      expect.objectContaining({ reason: "unsupported" }),
    );
  });
});

describe("what the kernel fills", () => {
  test("gpiochip_info", ({ expect }) => {
    const bytes = structOf(68, { 0: hex("gpiochip0"), 32: hex("pinctrl-rp1"), 64: "36000000" });
    expect(decodeChipInfo(bytes)).toEqual({ name: "gpiochip0", label: "pinctrl-rp1", lines: 54 });
  });

  test("gpio_v2_line_info", ({ expect }) => {
    expect(runs(encodeLineInfo(17))).toEqual({ 64: "11000000" });
    const parts = { 0: hex("GPIO17"), 32: hex("spi0 CS0"), 64: "11000000", 68: "01000000" };
    // USED, ACTIVE_LOW, INPUT, both edges, BIAS_PULL_DOWN; debounce of 2,500 µs
    const bytes = structOf(256, { ...parts, 72: "37020000", 80: "03000000", 88: "c4090000" });
    expect(decodeLineInfo(bytes)).toEqual({
      offset: 17,
      name: "GPIO17",
      usedBy: "spi0 CS0",
      direction: "input",
      activeLow: true,
      bias: "pull-down",
      drive: "push-pull",
      edges: "both",
      debounce: 2.5,
    });
    const free = decodeLineInfo(structOf(256, { 72: "88040000" }));
    expect(free).toMatchObject({ name: "", direction: "output", drive: "open-source", bias: "disabled" });
    expect(free.usedBy).toBeUndefined();
    expect(decodeLineInfo(structOf(256, { 72: "05000000" })).usedBy).toBe("the kernel");
    expect(decodeLineInfo(structOf(256, { 0: "41".repeat(32) })).name).toBe("A".repeat(32));
  });

  test("gpio_v2_line_request and gpio_v2_line_values", ({ expect }) => {
    expect(decodeDescriptor(structOf(592, { 588: "2a000000" }))).toBe(42);
    expect(runs(encodeValues(0x8000_0000_0000_0001n, 3n))).toEqual({ 0: "01000000", 4: "00000080", 8: "03000000" });
    expect(decodeBits(structOf(16, { 0: "0500000000000080" }))).toBe(0x8000_0000_0000_0005n);
  });

  test("gpio_v2_line_event, several in one read, in a buffer of another's memory", ({ expect }) => {
    const one = { 0: "0807060504030201", 8: "01000000", 12: "11000000", 16: "ffffffff", 20: "07000000" };
    const other = { 48: "0100000000000000", 56: "02000000", 60: "04000000", 64: "01000000", 68: "08000000" };
    const bytes = structOf(
      8 + 96,
      Object.fromEntries(Object.entries({ ...one, ...other }).map(([at, v]) => [8 + Number(at), v])),
    );
    expect(decodeEvents(bytes.subarray(8))).toEqual([
      { timestamp: 0x0102030405060708n, edge: "rising", offset: 17, sequence: 4_294_967_295, lineSequence: 7 },
      { timestamp: 1n, edge: "falling", offset: 4, sequence: 1, lineSequence: 8 },
    ]);
  });
});
