import * as fc from "fast-check";
import { describe, test } from "vitest";
import { encodeUtf8 } from "../../lib/utf8.ts";
import { parseLine, parseMessage } from "./reading.ts";

describe("parseMessage()", () => {
  test("reads a reading and ignores further keys", ({ expect }) => {
    const body = encodeUtf8('{ "sensor": "boiler", "seq": 17, "value": 61.2, "unit": "°C" }');
    expect(parseMessage(body)).toEqual({ reading: { sensor: "boiler", seq: 17, value: 61.2 } });
  });

  test.for([
    ["broken JSON", '{ "sensor": ', /want JSON$/],
    ["a list", "[1]", /want a JSON object$/],
    ["null", "null", /want a JSON object$/],
    ["no sensor", '{ "seq": 1, "value": 2 }', /sensor undefined/],
    ["a sensor that is no subject token", '{ "sensor": "a.>", "seq": 1, "value": 2 }', /sensor "a\.>"/],
    ["a seq that is text", '{ "sensor": "a", "seq": "1", "value": 2 }', /seq "1" of "a"/],
    ["a seq that is no whole number", '{ "sensor": "a", "seq": 1.5, "value": 2 }', /seq 1\.5/],
    ["a value beyond numbers", '{ "sensor": "a", "seq": 1, "value": 1e999 }', /value null of "a"/],
  ] as const)("refuses %s", ([, text, fault], { expect }) => {
    expect(parseMessage(encodeUtf8(text))).toEqual({ fault: expect.stringMatching(fault) });
  });

  test("answers any bytes with a reading or a fault", ({ expect }) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(encodeUtf8)), (body) => {
        const parsed = parseMessage(body);
        expect("fault" in parsed ? parsed.fault.length < 300 : "reading" in parsed).toBe(true);
      }),
    );
  });
});

describe("parseLine()", () => {
  test.for(["boiler,17,61.2", " boiler , 17, 61.2\r", "boiler,17,+6.12e1"])("reads %j", (line, { expect }) => {
    expect(parseLine(encodeUtf8(line))).toEqual({ reading: { sensor: "boiler", seq: 17, value: 61.2 } });
  });

  test.for([
    ["an empty line", ""],
    ["a missing field", "boiler,17"],
    ["an empty value", "boiler,17,"],
    ["a hexadecimal value", "boiler,17,0x10"],
    ["a fourth field", "boiler,17,1,2"],
    ["a negative seq", "boiler,-1,2"],
  ] as const)("refuses %s", ([, line], { expect }) => {
    expect(parseLine(encodeUtf8(line))).toEqual({ fault: expect.any(String) });
  });

  test("refuses bytes that are not UTF-8", ({ expect }) => {
    expect(parseLine(Uint8Array.from([0xff, 0x2c]))).toEqual({ fault: "the line is not UTF-8" });
  });
});
