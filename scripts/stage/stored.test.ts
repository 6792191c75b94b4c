import { describe, test } from "vitest";
import { parseStored } from "./stored.ts";
import { verify } from "./verify.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("parseStored()", () => {
  test("reads a reading by its seq and an event by its count", ({ expect }) => {
    const reading = bytes('{"sensor":"boiler","seq":17,"value":61.2,"smoothed":60.8}');
    expect(parseStored("petiole.demo.standard.readings.boiler", reading, "demo")).toEqual({
      subject: "readings.boiler",
      seq: 17,
      value: 61.2,
    });
    const event = bytes('{"count":3,"sequence":5,"lamp":"active","lost":0}');
    expect(parseStored("petiole.demo.critical.events.button", event, "demo")).toEqual({
      subject: "events.button",
      seq: 3,
    });
  });

  test.for([
    ["no JSON", "petiole.demo.standard.readings.boiler", "{"],
    ["no object", "petiole.demo.standard.readings.boiler", "null"],
    ["no count", "petiole.demo.standard.readings.boiler", '{"value":61.2}'],
    ["another device", "petiole.other.standard.readings.boiler", '{"seq":17,"value":61.2}'],
  ] as const)("makes a message with %s one that nobody sent", ([, subject, body], { expect }) => {
    const stored = parseStored(subject, bytes(body), "demo");
    const reports = verify([{ subject: "readings.boiler", seq: 17, value: 61.2 }], [stored]);
    expect(reports.reduce((total, { unexpected }) => total + unexpected, 0)).toBe(1);
  });
});
