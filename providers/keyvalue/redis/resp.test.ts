import * as fc from "fast-check";
import { describe, test } from "vitest";
import { ProtocolError, Refusal, ReplyParser, encodeCommand, type Reply } from "./resp.ts";

function parse(chunks: readonly Uint8Array[], maxValue = 1000): readonly Reply[] {
  const replies: Reply[] = [];
  const parser = new ReplyParser((reply) => replies.push(reply), maxValue);
  for (const chunk of chunks) parser.push(Buffer.from(chunk));
  return replies;
}

const parseText = (text: string, maxValue?: number): readonly Reply[] => parse([Buffer.from(text)], maxValue);

describe("ReplyParser", () => {
  test("reads every kind of reply", ({ expect }) => {
    expect(parseText("+OK\r\n:-12\r\n$3\r\na\r\n\r\n$-1\r\n$0\r\n\r\n*-1\r\n*0\r\n")).toEqual([
      "OK",
      -12n,
      Buffer.from("a\r\n"),
      undefined,
      Buffer.alloc(0),
      undefined,
      [],
    ]);
    expect(parseText("*3\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n*0\r\n")).toEqual([[Buffer.from("0"), [Buffer.from("k")], []]]);
    const [refusal] = parseText("-WRONGTYPE Operation against a key\r\n");
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: "WRONGTYPE", message: "WRONGTYPE Operation against a key" });
  });

  test("reads the same however the bytes are cut", ({ expect }) => {
    const stream = Buffer.from(
      "+OK\r\n*2\r\n:1\r\n*2\r\n$5\r\nab\r\nc\r\n-ERR no\r\n$-1\r\n$2000\r\n" + "x".repeat(2000) + "\r\n:7\r\n",
    );
    const whole = parse([stream]);
    expect(whole).toHaveLength(5);
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 20 }), (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), stream.length];
        const chunks = places.slice(1).map((end, index) => stream.subarray(places[index], end));
        expect(parse(chunks)).toEqual(whole);
      }),
    );
  });

  test("lets go of a value that is too large, and reads on", ({ expect }) => {
    const [refusal, next] = parseText("$11\r\nhello world\r\n:1\r\n", 10);
    expect(refusal).toMatchObject({ code: "TOOLARGE" });
    expect(next).toBe(1n);
  });

  for (const [what, text] of [
    ["another protocol", "HTTP/1.1 200 OK\r\n"],
    ["a length that is none", "$one\r\n"],
    ["a negative length", "$-2\r\n"],
    ["a length that no memory has", "$99999999999999999999\r\n"],
    ["a list of too many", "*100001\r\n"],
    ["lists in lists in lists", "*1\r\n".repeat(5)],
    ["a number that is none", ":1.5\r\n"],
    ["a list whose values are too much together", `*100000\r\n${`$1000\r\n${"x".repeat(1000)}\r\n`.repeat(7000)}`],
    ["a list of many lists", `*100000\r\n${"*1\r\n:1\r\n".repeat(99_999)}`],
    ["a line without end", "x".repeat(70_000)],
  ] as const) {
    test(`refuses ${what}`, ({ expect }) => {
      expect(() => parseText(text)).toThrow(ProtocolError);
    });
  }
});

describe("encodeCommand()", () => {
  test("counts bytes, not characters", ({ expect }) => {
    expect(encodeCommand(["SET", "é", Buffer.from([0, 13, 10])])).toEqual(
      Buffer.from("*3\r\n$3\r\nSET\r\n$2\r\né\r\n$3\r\n\u0000\r\n\r\n"),
    );
  });
});
