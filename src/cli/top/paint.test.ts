import * as fc from "fast-check";
import { describe, test } from "vitest";
import { paint } from "./paint.ts";

/** A terminal that knows as much as is used of one. */
function createScreen(): { show(bytes: string): void; lines(): string[] } {
  let cells: string[][] = [];
  let [row, column] = [0, 0];
  return {
    show(bytes) {
      // oxlint-disable-next-line no-control-regex -- what a terminal takes
      for (const [, csi, text] of bytes.matchAll(/\u001b\[([\d;]*[A-Za-z])|([^\u001b]+)/g)) {
        if (csi === "2J") cells = [];
        else if (csi === "K") cells[row] = (cells[row] ?? []).slice(0, column);
        else if (csi !== undefined)
          [row = 0, column = 0] = csi
            .slice(0, -1)
            .split(";")
            .map((part) => Number(part) - 1);
        for (const character of text ?? "") {
          const line = (cells[row] ??= []);
          while (line.length < column) line.push(" ");
          line[column] = character;
          column += 1;
        }
      }
    },
    lines: () => cells.map((line) => line.join("")),
  };
}

const trimmed = (lines: readonly string[]): string[] =>
  lines
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/\n+$/, "")
    .split("\n");

describe("paint()", () => {
  test("writes nothing when nothing changed, and else what comes after the part that stays", ({ expect }) => {
    expect(paint(["up 15 s, no hub"], ["up 15 s, no hub"])).toBe("");
    expect(paint(["up 15 s, no hub", "x"], ["up 16 s, no hub", "x"])).toBe("\u001b[1;5H6 s, no hub");
    expect(paint(["long line"], ["long"])).toBe("\u001b[1;5H\u001b[K");
    expect(paint(undefined, [])).toBe("\u001b[2J");
  });

  test("whatever was shown, the screen shows what was painted last", ({ expect }) => {
    const line = fc.string({ unit: fc.constantFrom("a", "b", " ", "ä"), maxLength: 12 });
    const frame = fc.array(line, { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), fc.string(), (frames, rubbish) => {
        const screen = createScreen();
        screen.show(rubbish.replaceAll(/\p{Cc}/gu, ""));
        let before: string[] | undefined;
        for (const after of frames) {
          screen.show(paint(before, after));
          before = after;
          expect(trimmed(screen.lines())).toEqual(trimmed(after));
        }
      }),
    );
  });
});
