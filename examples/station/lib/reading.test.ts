import { describe, test } from "vitest";
import { encodeUtf8 } from "../../lib/utf8.ts";
import { parseReading, readingsOf } from "./reading.ts";

describe("readingsOf()", () => {
  test("numbers what was read with the meter's count, and leaves out what was not", ({ expect }) => {
    const registers = [
      { name: "sample", value: 7 },
      { name: "pressure", value: 401 * 0.01 },
      { name: "flow", value: undefined },
    ];
    expect(readingsOf(registers)).toEqual([{ sensor: "pressure", seq: 7, value: 4.01 }]);
    expect(readingsOf([{ name: "pressure", value: 4 }])).toEqual([]);
    expect(readingsOf([{ name: "sample", value: undefined }, ...registers.slice(1)])).toEqual([]);
  });
});

describe("parseReading()", () => {
  const parse = (value: unknown) => parseReading(encodeUtf8(JSON.stringify(value)));

  test("takes a reading", ({ expect }) => {
    expect(parse({ sensor: "hall", seq: 3, value: 21.5 })).toEqual({ sensor: "hall", seq: 3, value: 21.5 });
  });

  test("refuses what is none", ({ expect }) => {
    const good = { sensor: "hall", seq: 3, value: 21.5 };
    const bad = [null, 7, [], { ...good, sensor: "a.b" }, { ...good, sensor: 3 }, { ...good, seq: 1.5 }];
    for (const one of [...bad, { ...good, value: "21" }, { ...good, value: null }])
      expect(() => parse(one)).toThrow(/^want /);
    for (const body of ["", "{", "\xff"]) expect(() => parseReading(Buffer.from(body, "latin1"))).toThrow(/^want /);
  });
});
