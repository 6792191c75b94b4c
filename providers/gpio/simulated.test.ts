import { describe, test } from "vitest";
import { createFakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { millis } from "../../src/domain/units.ts";
import type { LineEvent, LineSettings } from "./backend.ts";
import { createSimulatedChip, type SimulatedChip } from "./simulated.ts";

const INPUT: LineSettings = {
  offset: 0,
  direction: "input",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edges: "both",
  debounce: millis(0),
  clock: "monotonic",
  initial: false,
};
const OUTPUT: LineSettings = { ...INPUT, direction: "output", edges: "none" };

function setUp(busy?: ReadonlyMap<number, string>): { readonly chip: SimulatedChip; readonly clock: FakeClock } {
  const clock = createFakeClock();
  return { clock, chip: createSimulatedChip({ lines: 4, clock, ...(busy !== undefined && { busy }) }) };
}

describe("createSimulatedChip()", () => {
  test("request() refuses lines that are held, out of range, asked for twice, or contradictory", async ({ expect }) => {
    const { chip } = setUp(new Map([[3, "kernel"]]));
    await using first = chip.request({ consumer: "first", lines: [INPUT] });
    const refused =
      (...lines: readonly LineSettings[]) =>
      () =>
        chip.request({ consumer: "second", lines });
    expect(refused(INPUT)).toThrow('line 0 is used by "first"');
    expect(refused({ ...INPUT, offset: 3 })).toThrow('line 3 is used by "kernel"');
    expect(refused({ ...INPUT, offset: 4 })).toThrow("no line 4, the chip has 4");
    expect(refused({ ...OUTPUT, offset: 1 }, { ...OUTPUT, offset: 1 })).toThrow("asks for a line twice");
    expect(refused({ ...OUTPUT, offset: 1, edges: "both" })).toThrow("reports edges as an input only");
    await first[Symbol.asyncDispose]();
    await using _second = chip.request({ consumer: "second", lines: [INPUT] });
  });

  test("bias decides where nobody drives", async ({ expect }) => {
    const { chip } = setUp();
    await using request = chip.request({
      consumer: "test",
      lines: [
        { ...INPUT, bias: "pull-up" },
        { ...INPUT, offset: 1, bias: "pull-down" },
      ],
    });
    expect(request.get([0, 1])).toEqual([true, false]);
    chip.drive(0, false);
    chip.drive(1, true);
    expect(request.get([0, 1])).toEqual([false, true]);
    chip.drive(0, undefined);
    chip.drive(1, undefined);
    expect(request.get([0, 1])).toEqual([true, false]);
  });

  test("open drivers drive one side only", async ({ expect }) => {
    const { chip } = setUp();
    await using request = chip.request({
      consumer: "test",
      lines: [
        { ...OUTPUT, drive: "open-drain", bias: "pull-up" },
        { ...OUTPUT, offset: 1, drive: "open-source" },
        { ...OUTPUT, offset: 2, drive: "open-drain" },
      ],
    });
    expect([0, 1, 2].map((line) => chip.voltage(line))).toEqual([false, false, false]);
    request.set(new Map([0, 1, 2].map((line) => [line, true])));
    expect([0, 1, 2].map((line) => chip.voltage(line))).toEqual([true, true, false]);
  });

  test("the buffer holds 16 edges a line, drops the oldest, and numbers go on", async ({ expect }) => {
    const { chip, clock } = setUp();
    await using request = chip.request({ consumer: "test", lines: [INPUT] });
    const read: LineEvent[] = [];
    request.onEvents((events) => read.push(...events));
    for (let i = 0; i < 20; i += 1) chip.drive(0, i % 2 === 0);
    await clock.advance(millis(0));
    chip.drive(0, true);
    await clock.advance(millis(0));
    expect(read.map(({ lineSequence }) => lineSequence)).toEqual(Array.from({ length: 17 }, (_, i) => i + 5));
    expect(read.at(-1)).toMatchObject({ offset: 0, edge: "rising", timestamp: clock.nanoseconds() });
  });

  test("debounce: a pulse shorter than the period leaves no edge, a longer one leaves two", async ({ expect }) => {
    const { chip, clock } = setUp();
    await using request = chip.request({ consumer: "test", lines: [{ ...INPUT, debounce: millis(50) }] });
    const read: LineEvent[] = [];
    request.onEvents((events) => read.push(...events));
    const script = (length: number) => [
      { after: millis(0), line: 0, high: true },
      { after: millis(length), line: 0, high: false },
    ];
    const short = chip.play(script(40));
    await clock.advance(millis(200));
    await short;
    expect(read).toEqual([]);
    const long = chip.play(script(60));
    await clock.advance(millis(200));
    await long;
    expect(read.map(({ edge }) => edge)).toEqual(["rising", "falling"]);
    expect(Number((read[1]?.timestamp ?? 0n) - (read[0]?.timestamp ?? 0n)) / 1e6).toBe(60);
  });

  test("onChange() tells of voltages, and drive() refuses an output", async ({ expect }) => {
    const { chip } = setUp();
    const seen: string[] = [];
    using _watch = chip.onChange((line, high) => seen.push(`${line} ${high}`));
    await using request = chip.request({ consumer: "test", lines: [OUTPUT] });
    request.set(new Map([[0, true]]));
    request.set(new Map([[0, true]]));
    chip.drive(1, true);
    expect(seen).toEqual(["0 true", "1 true"]);
    expect(() => chip.drive(0, false)).toThrow("line 0 is an output");
    expect(() => request.set(new Map([[1, true]]))).toThrow("line 1 is not requested");
  });
});
