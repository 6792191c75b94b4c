import * as fc from "fast-check";
import { test } from "vitest";
import { requestLines } from "./request-lines.ts";

async function* inPieces(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function linesOf(text: string, size: number, longest = 1e6): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of requestLines(inPieces(Buffer.from(text), size), longest)) lines.push(line);
  return lines;
}

test("requestLines() gives what is between line ends, however it is cut", async ({ expect }) => {
  const text = fc.string({ unit: "grapheme" }).map((value) => value.replaceAll("\n", "").toWellFormed());
  await fc.assert(
    fc.asyncProperty(fc.array(text), text, fc.integer({ min: 1, max: 20 }), async (lines, rest, size) => {
      expect(await linesOf(lines.map((line) => `${line}\n`).join("") + rest, size)).toEqual(lines);
    }),
  );
});

test("requestLines() takes a line of the limit, and none that is longer", async ({ expect }) => {
  for (const size of [1, 3, 100]) {
    expect(await linesOf(`${"x".repeat(10)}\n`, size, 10)).toHaveLength(1);
    for (const text of [`${"x".repeat(11)}\n`, "x".repeat(11), `a\n${"x".repeat(11)}\n`]) {
      await expect(linesOf(text, size, 10)).rejects.toMatchObject({ code: "ERR_CONTROL_PROTOCOL" });
    }
  }
});
