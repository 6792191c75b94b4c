import { array, assert, integer, property, string, tuple } from "fast-check";
import { describe, test } from "vitest";
import { Fields, MAX_FIELDS, MAX_FIELDS_SIZE } from "./fields.ts";
import { packFields, unpackFields } from "./packed-fields.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));
const text = (value: Uint8Array): string => Buffer.from(value).toString("latin1");
const OK = { tag: "ok", val: undefined };
const fault = (tag: string) => ({ tag: "err", val: { tag } });

describe("Fields", () => {
  test("append() keeps every value and the order, get() does not mind the case", ({ expect }) => {
    const fields = new Fields();
    expect(fields.append("Set-Cookie", bytes("a=1"))).toEqual(OK);
    expect(fields.append("x", bytes("\xff\t"))).toEqual(OK);
    expect(fields.append("set-cookie", bytes("b=2"))).toEqual(OK);
    expect(fields.get("SET-COOKIE").map(text)).toEqual(["a=1", "b=2"]);
    expect(fields.entries().map(([name, value]) => [name, text(value)])).toEqual([
      ["Set-Cookie", "a=1"],
      ["x", "\xff\t"],
      ["set-cookie", "b=2"],
    ]);
    expect([fields.has("X"), fields.has("y"), fields.get("y")]).toEqual([true, false, []]);
  });

  test("set() and delete() replace all values of a name", ({ expect }) => {
    const fields = new Fields();
    for (const value of ["1", "2"]) fields.append("a", bytes(value));
    expect(fields.set("A", [bytes("3")])).toEqual(OK);
    expect(fields.get("a").map(text)).toEqual(["3"]);
    expect(fields.delete("a")).toEqual(OK);
    expect(fields.has("a")).toBe(false);
  });

  test("refuses what would break out of a line, and what belongs to the connection", ({ expect }) => {
    const fields = new Fields();
    for (const name of ["", "a b", "a:", "ä", "a\r\nb"])
      expect(fields.append(name, bytes("x"))).toEqual(fault("invalid-syntax"));
    for (const value of ["a\r\nb: c", "\0", "\x7f"])
      expect(fields.set("a", [bytes(value)])).toEqual(fault("invalid-syntax"));
    for (const name of ["Host", "connection", "Transfer-Encoding", "upgrade", "keep-alive"]) {
      expect(fields.append(name, bytes("x"))).toEqual(fault("forbidden"));
      expect(Fields.fromList([[name, bytes("x")]])).toEqual(fault("forbidden"));
    }
    expect(fields.entries()).toEqual([]);
  });

  test("has one content-length at most, and that a number", ({ expect }) => {
    const fields = new Fields();
    for (const value of ["", "-1", "1e3", "0x5", "5 "])
      expect(fields.append("content-length", bytes(value))).toEqual(fault("invalid-syntax"));
    expect(fields.set("content-length", [bytes("5"), bytes("5")])).toEqual(fault("invalid-syntax"));
    expect(fields.append("Content-Length", bytes("5"))).toEqual(OK);
    expect(fields.append("content-length", bytes("6"))).toEqual(fault("invalid-syntax"));
    expect(fields.contentLength).toBe(5);
  });

  test("is bounded in number and in size, however they are added", ({ expect }) => {
    const many = new Fields();
    for (let index = 0; index < MAX_FIELDS; index++) expect(many.append("a", bytes(""))).toEqual(OK);
    expect(many.append("a", bytes(""))).toEqual(fault("forbidden"));
    const large = new Fields();
    expect(large.append("a", new Uint8Array(MAX_FIELDS_SIZE - 1).fill(97))).toEqual(OK);
    expect(large.append("b", bytes(""))).toEqual(fault("forbidden"));
    expect(large.set("b", [bytes("")])).toEqual(fault("forbidden"));
    large.delete("a");
    expect(large.append("b", bytes(""))).toEqual(OK);
    expect(large.clone().append("c", new Uint8Array(MAX_FIELDS_SIZE - 1).fill(97))).toEqual(fault("forbidden"));
  });

  test("a frozen one does not change, its clone does", ({ expect }) => {
    const fields = new Fields();
    fields.append("a", bytes("1"));
    fields.frozen();
    for (const change of [
      () => fields.append("b", bytes("2")),
      () => fields.set("a", []),
      () => fields.delete("a"),
      () => Fields.received("").append("a", bytes("1")),
    ]) {
      expect(change()).toEqual(fault("immutable"));
    }
    const copy = fields.clone();
    expect(copy.append("b", bytes("2"))).toEqual(OK);
    expect([copy.has("b"), fields.has("b")]).toEqual([true, false]);
  });

  test("received() leaves out what belongs to the connection", ({ expect }) => {
    const fields = Fields.received(
      packFields([
        ["Host", "a"],
        ["X", "\xe4"],
        ["Connection", "close"],
        ["x", ""],
      ]),
    );
    expect(fields.entries().map(([name, value]) => [name, text(value)])).toEqual([
      ["X", "\xe4"],
      ["x", ""],
    ]);
  });
});

describe("unpackFields()", () => {
  test("gives back what packFields() was given", ({ expect }) => {
    const part = string({ unit: integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)) });
    assert(
      property(array(tuple(part, part)), (fields) => {
        expect(unpackFields(packFields(fields))).toEqual(fields);
      }),
    );
  });
});
