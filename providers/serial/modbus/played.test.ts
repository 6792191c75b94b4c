import { assert, constantFrom, integer, property, record } from "fast-check";
import { describe, test } from "vitest";
import { encodeRequest, findAnswer, type Request } from "./frames.ts";
import { createPlayedLine, wordsOf } from "./played.ts";
import { valueOf } from "./values.ts";

function ask(requests: readonly (readonly [unit: number, request: Request])[]) {
  const answers: Uint8Array[] = [];
  const written: unknown[] = [];
  const line = createPlayedLine({ send: (bytes) => answers.push(bytes), onWrite: (...all) => written.push(all) });
  line.device(7).set("input", 0, 235);
  line.device(7).set("coil", 9, 1);
  for (const [unit, request] of requests) {
    // As a slow line brings it.
    for (const byte of encodeRequest(unit, request)) line.receive(Uint8Array.of(byte));
  }
  const found = requests.flatMap(([unit, request]) =>
    unit === 0 ? [] : [findAnswer(answers.shift() ?? new Uint8Array(), unit, request)],
  );
  return { found, written, line };
}

describe("createPlayedLine()", () => {
  test("answers reads with what it was given", ({ expect }) => {
    const { found } = ask([
      [7, { code: 4, address: 0, count: 2 }],
      [7, { code: 1, address: 8, count: 3 }],
    ]);
    expect(found).toEqual([
      { kind: "values", bits: [], words: [235, 0] },
      { kind: "values", bits: [false, true, false], words: [] },
    ]);
  });

  test("takes writes, and tells of them", ({ expect }) => {
    const { written, line } = ask([
      [7, { code: 6, address: 3, word: 500 }],
      [7, { code: 16, address: 4, words: [1, 2] }],
      [7, { code: 15, address: 0, bits: [true, false] }],
      [0, { code: 5, address: 1, on: true }],
    ]);
    expect(written).toEqual([
      [7, "holding", 3, 500],
      [7, "holding", 4, 1],
      [7, "holding", 5, 2],
      [7, "coil", 0, 1],
      [7, "coil", 1, 1],
    ]);
    expect(line.device(7).get("holding", 5)).toBe(2);
  });

  test("passes over noise", ({ expect }) => {
    const answers: Uint8Array[] = [];
    const line = createPlayedLine({ send: (bytes) => answers.push(bytes), onWrite: () => {} });
    line.receive(Uint8Array.of(1, 2, 3, 255, 254));
    line.receive(encodeRequest(9, { code: 3, address: 0, count: 1 }));
    line.receive(encodeRequest(9, { code: 3, address: 0, count: 1 }));
    expect(answers.length).toBeGreaterThan(0);
  });
});

test("wordsOf() gives the registers that valueOf() reads as the same number", ({ expect }) => {
  const config = record({
    type: constantFrom("u16", "i16", "u32", "i32", "f32"),
    word_order: constantFrom("big", "little"),
    scale: constantFrom(1, 0.1, 10),
    offset: constantFrom(0, -40),
  });
  assert(
    property(config, integer({ min: 0, max: 3000 }), (settings, steps) => {
      const value = steps * settings.scale + settings.offset;
      const read = valueOf(
        { ...settings, name: "x", table: "input", address: 0, measure: "" },
        wordsOf(settings, value),
      );
      expect(read).toBeCloseTo(value, 3);
    }),
  );
});
