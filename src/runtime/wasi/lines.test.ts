import { describe, test } from "vitest";
import { LineSplitter } from "./lines.ts";

const split = (parts: readonly (string | Uint8Array)[], maxLine = 100): readonly string[] => {
  const lines: string[] = [];
  const splitter = new LineSplitter(maxLine, (line) => lines.push(line));
  for (const part of parts) splitter.write(Buffer.from(part));
  splitter.flush();
  return lines;
};

describe("LineSplitter", () => {
  test("gives out whole lines and the rest when flushed", ({ expect }) => {
    expect(split(["a\nb", "c\r\n", "\nd"])).toEqual(["a", "bc", "", "d"]);
    expect(split([])).toEqual([]);
  });

  test("puts characters together that come in parts", ({ expect }) => {
    expect(split([Uint8Array.of(0xf0, 0x9f), Uint8Array.of(0x8c, 0xb1, 0x0a)])).toEqual(["🌱"]);
    expect(split([Uint8Array.of(0xf0, 0x9f)])).toEqual(["\ufffd"]);
  });

  test("breaks lines that are too long, so that it never holds more than one line", ({ expect }) => {
    expect(split(["abcdefg"], 3)).toEqual(["abc", "def", "g"]);
    expect(split(["ab", "cdef\n"], 3)).toEqual(["abc", "def"]);
  });
});
