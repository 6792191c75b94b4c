import { array, assert, constantFrom, nat, property, string } from "fast-check";
import { describe, test } from "vitest";
import type { Framed } from "./framer.ts";
import { createDelimiterFramer, type DelimiterFraming } from "./delimiter.ts";

const LF: DelimiterFraming = { delimiter: Buffer.from("\n"), maxLength: 8, stripCr: true, skipEmpty: true };

function show(framed: readonly Framed[]): readonly (string | number)[] {
  return framed.map((one) => (one.kind === "frame" ? Buffer.from(one.payload).toString("latin1") : one.bytes));
}

/** Frames as text, dropped ones as their count of bytes. */
function push(
  framer: ReturnType<typeof createDelimiterFramer>,
  ...chunks: readonly string[]
): readonly (string | number)[] {
  return show(chunks.flatMap((chunk) => framer.push(Buffer.from(chunk, "latin1"))));
}

describe("createDelimiterFramer()", () => {
  test("push() splits at the delimiter, across chunks", ({ expect }) => {
    expect(push(createDelimiterFramer(LF), "a\nbc", "d\n\ne\nf")).toEqual(["a", "bcd", "e"]);
  });

  test("push() takes CR LF and LF alike and keeps other CRs", ({ expect }) => {
    expect(push(createDelimiterFramer(LF), "a\r\nb\nc\rd\r", "\n\r\n")).toEqual(["a", "b", "c\rd"]);
  });

  test("push() keeps CRs and empty frames when told to", ({ expect }) => {
    const framer = createDelimiterFramer({ ...LF, stripCr: false, skipEmpty: false });
    expect(push(framer, "a\r\n\n")).toEqual(["a\r", ""]);
  });

  test("push() strips the CR before it looks at the length", ({ expect }) => {
    expect(push(createDelimiterFramer(LF), "12345678\r\n")).toEqual(["12345678"]);
    expect(push(createDelimiterFramer(LF), "12345678", "\r", "\n")).toEqual(["12345678"]);
  });

  test("push() drops a frame that is too long, counts its bytes, and is in step again after it", ({ expect }) => {
    expect(push(createDelimiterFramer(LF), "123456789\nok\n")).toEqual([9, "ok"]);
    expect(push(createDelimiterFramer(LF), "1234567890", "1234567890", "x\nok\n")).toEqual([21, "ok"]);
  });

  test("push() finds a delimiter of several bytes that is cut in two, also behind a frame too long", ({ expect }) => {
    const framing = { ...LF, delimiter: Buffer.from("::"), stripCr: false };
    expect(push(createDelimiterFramer(framing), "a:b:", ":c", "::")).toEqual(["a:b", "c"]);
    expect(push(createDelimiterFramer(framing), "12345678901234:", ":ok::")).toEqual([14, "ok"]);
  });

  test("push() returns copies: the driver may use its buffer again", ({ expect }) => {
    const framer = createDelimiterFramer(LF);
    const buffer = Buffer.from("one\ntwo");
    const framed = framer.push(buffer);
    buffer.fill("x");
    expect(show([...framed, ...framer.push(Buffer.from("\n"))])).toEqual(["one", "two"]);
  });

  test("reset() gives up and counts what is not complete, once", ({ expect }) => {
    const framer = createDelimiterFramer(LF);
    push(framer, "a\nbcd");
    expect(show(framer.reset())).toEqual([3]);
    expect(framer.reset()).toEqual([]);
    expect(push(framer, "e\n")).toEqual(["e"]);
  });

  test("encode() appends the delimiter and refuses what would not come back as one frame", ({ expect }) => {
    const framer = createDelimiterFramer(LF);
    expect(framer.encode(Buffer.from("on"))).toEqual(Buffer.from("on\n"));
    expect(framer.encode(Buffer.from("o\nn"))).toBeUndefined();
    expect(framer.encode(Buffer.from("123456789"))).toBeUndefined();
  });

  test("push() accounts for every byte, wherever the stream is cut", ({ expect }) => {
    const stream = string({ unit: constantFrom("a", "\r", ";", "\n"), maxLength: 80 });
    assert(
      property(stream, array(nat(80)), constantFrom("\n", ";\n"), (text, cuts, delimiter) => {
        const framing = { ...LF, delimiter: Buffer.from(delimiter), stripCr: false, skipEmpty: false };
        const whole = push(createDelimiterFramer(framing), text);
        const framer = createDelimiterFramer(framing);
        const edges = [0, ...cuts.map((cut) => Math.min(cut, text.length)).sort((a, b) => a - b), text.length];
        const pieces = edges.slice(1).map((end, i) => text.slice(edges[i], end));
        expect(push(framer, ...pieces)).toEqual(whole);
        const kept = whole.map((one) => (typeof one === "string" ? one.length : one) + delimiter.length);
        const dropped = framer.reset().map((one) => (one.kind === "dropped" ? one.bytes : Number.NaN));
        expect([...kept, ...dropped].reduce((a, b) => a + b, 0)).toBe(text.length);
      }),
    );
  });
});
