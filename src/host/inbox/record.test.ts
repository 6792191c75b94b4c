import { describe, test } from "vitest";
import {
  decodeNote,
  decodeRecord,
  encodeNote,
  encodeRecord,
  FRESH,
  messageKey,
  noteKey,
  positionOf,
} from "./record.ts";

const origin = { stream: "IN", created: "2026-01-01T00:00:00.123456789Z", seq: 42, time: 1_767_225_600_123_456_789n };

describe("records of the inbox", () => {
  test("a message survives with every byte", ({ expect }) => {
    const body = Uint8Array.from({ length: 256 }, (_, index) => index);
    const record = { kind: "message", subject: "commands.lämp", body, origin, begun: true } as const;
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  test("a marker survives, and a note", ({ expect }) => {
    expect(decodeRecord(encodeRecord({ kind: "marker", origin }))).toEqual({ kind: "marker", origin });
    const note = { failures: 2, begun: true, reason: "it trapped", dead: false };
    expect(decodeNote(encodeNote(note))).toEqual(note);
    expect(decodeNote(encodeNote(FRESH))).toEqual(FRESH);
  });

  test("what is cut off or something else is no record", ({ expect }) => {
    const whole = encodeRecord({ kind: "message", subject: "s", body: new Uint8Array(), origin, begun: false });
    for (let length = 0; length < whole.length; length++) {
      expect(decodeRecord(whole.subarray(0, length))).toBeUndefined();
    }
    expect(decodeRecord(new TextEncoder().encode("\0\0\0\x02{}"))).toBeUndefined();
    expect(decodeNote(new TextEncoder().encode("null"))).toBeUndefined();
    expect(decodeNote(new TextEncoder().encode('{"failures":-1}'))).toBeUndefined();
  });

  test("keys sort as their positions", ({ expect }) => {
    const keys = [9, 10, 123_456, 2 ** 40].map(messageKey);
    expect([...keys].sort()).toEqual(keys);
    expect(keys.map(positionOf)).toEqual([9, 10, 123_456, 2 ** 40]);
    expect(positionOf(noteKey(7))).toBe(7);
  });
});
