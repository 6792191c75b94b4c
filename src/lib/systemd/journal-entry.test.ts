import * as fc from "fast-check";
import { describe, test } from "vitest";
import { encodeField, fieldName, journalEntry } from "./journal-entry.ts";

/** As the journal reads a datagram. */
function decode(entry: Buffer): [string, string][] {
  const fields: [string, string][] = [];
  let at = 0;
  while (at < entry.length) {
    const end = entry.indexOf("\n", at);
    const line = entry.toString("utf8", at, end);
    const equals = line.indexOf("=");
    at = end + 1;
    if (equals >= 0) {
      fields.push([line.slice(0, equals), line.slice(equals + 1)]);
      continue;
    }
    const length = Number(entry.readBigUInt64LE(at));
    at += 8;
    fields.push([line, entry.toString("utf8", at, at + length)]);
    if (entry[at + length] !== 0x0a) throw new Error("a value has no end");
    at += length + 1;
  }
  return fields;
}

describe("journalEntry()", () => {
  test("has the fields for programs, and all of it in a message for people", ({ expect }) => {
    const entry = journalEntry("warn", "Cannot start it", {
      component: "smoother",
      reason: "no such file",
      retryIn: 1000,
      nothing: undefined,
      err: new Error("outer", { cause: new Error("inner") }),
    });
    const fields = Object.fromEntries(decode(entry));
    expect(fields).toMatchObject({
      PRIORITY: "4",
      SYSLOG_IDENTIFIER: "petiole",
      MESSAGE: 'Cannot start it component=smoother reason="no such file" retryIn=1000 err="outer: inner"',
      PETIOLE_COMPONENT: "smoother",
      PETIOLE_REASON: "no such file",
      PETIOLE_RETRY_IN: "1000",
      PETIOLE_ERR: "outer: inner",
    });
    expect(fields["PETIOLE_STACK"]).toMatch(/^Error: outer\n/);
    expect(fields).not.toHaveProperty("PETIOLE_NOTHING");
  });

  test("keeps within bounds, and says what it cut", ({ expect }) => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`f${index}`, "ä".repeat(100_000)]));
    const entry = journalEntry("info", "x".repeat(100_000), many);
    expect(entry.byteLength).toBeLessThan(212_992);
    expect(Object.fromEntries(decode(entry))["MESSAGE"]).toMatch(/^x+… \(\d+ more\)$/);
  });

  test("no text passes for a field of another name", ({ expect }) => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.dictionary(fc.string(), fc.string({ unit: "binary" })),
        (text, all) => {
          const fields = decode(journalEntry("info", text, { ...all, note: "a\nPRIORITY=0\nb" }));
          expect(fields.filter(([name]) => name === "PRIORITY")).toEqual([["PRIORITY", "6"]]);
          for (const [name] of fields.slice(3)) expect(name).toMatch(/^PETIOLE_[A-Z0-9_]*$/);
        },
      ),
    );
  });
});

test("encodeField() and fieldName()", ({ expect }) => {
  expect(encodeField("A", "b").toString()).toBe("A=b\n");
  expect(encodeField("A", "b\nc")).toEqual(Buffer.from("A\n\u0003\0\0\0\0\0\0\0b\nc\n"));
  expect(fieldName("retryIn")).toBe("PETIOLE_RETRY_IN");
  expect(fieldName("a.b=c\n")).toBe("PETIOLE_A_B_C_");
  expect(fieldName("x".repeat(100))).toHaveLength(64);
});
