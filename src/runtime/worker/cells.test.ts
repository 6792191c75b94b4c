import { describe, test } from "vitest";
import { CellReader, CellWriter, NO_TURN, STARTING, createCells, nextTurn } from "./cells.ts";

const LAST = 2 ** 30;

function group(places: number): { readonly reader: CellReader; readonly writer: CellWriter } {
  const cells = createCells(places);
  return { reader: new CellReader(cells), writer: new CellWriter(cells) };
}

describe("nextTurn()", () => {
  test("counts from 1 and goes round", ({ expect }) => {
    expect([0, 1, LAST - 1, LAST].map(nextTurn)).toEqual([1, 2, LAST, 1]);
  });
});

describe("CellReader", () => {
  test("tells which turns an instance has begun", ({ expect }) => {
    const { reader, writer } = group(1);
    expect(reader.begun(1)).toBe(false);
    writer.begin(0, 5, 0);
    expect([1, 4, 5, 6].map((turn) => reader.begun(turn))).toEqual([true, true, true, false]);
  });

  test("tells it also when the numbers have gone round", ({ expect }) => {
    const { reader, writer } = group(1);
    writer.begin(0, 2, 0);
    expect([LAST - 3, LAST, 1, 2, 3].map((turn) => reader.begun(turn))).toEqual([true, true, true, true, false]);
    writer.begin(0, LAST, 0);
    expect([LAST - 1, LAST, 1, 2].map((turn) => reader.begun(turn))).toEqual([true, true, false, false]);
  });

  test("tells what each instance does and for how long, also past 2^32 milliseconds", ({ expect }) => {
    const { reader, writer } = group(3);
    writer.begin(0, STARTING, 100.4);
    writer.begin(2, 7, 2 ** 32 - 10);
    expect(reader.place(0, 350)).toEqual({ turn: STARTING, elapsed: 250 });
    expect(reader.place(1, 350).turn).toBe(NO_TURN);
    expect(reader.place(2, 2 ** 32 + 15.5)).toEqual({ turn: 7, elapsed: 25 });
    writer.end(2);
    expect(reader.place(2, 0).turn).toBe(NO_TURN);
    reader.clear(0);
    expect(reader.place(0, 0).turn).toBe(NO_TURN);
  });

  test("does not take the start of an instance for a turn", ({ expect }) => {
    const { reader, writer } = group(1);
    writer.begin(0, STARTING, 0);
    expect(reader.begun(1)).toBe(false);
  });
});
