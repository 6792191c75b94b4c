// What all framings promise, for each of them.

import { array, assert, constantFrom, nat, oneof, property, uint8Array } from "fast-check";
import { describe, test } from "vitest";
import { millis } from "#provider";
import { createCobsFramer } from "./cobs.ts";
import { createDelimiterFramer } from "./delimiter.ts";
import type { Framed, Framer } from "./framer.ts";
import { createGapFramer } from "./gap.ts";
import { createLengthFramer, type LengthFraming } from "./length.ts";
import { createRawFramer } from "./raw.ts";
import { createSlipFramer } from "./slip.ts";

const MAX = 300;
const LENGTH: LengthFraming = {
  start: Buffer.from([0xaa, 0x55]),
  offset: 1,
  lengthSize: 2,
  byteOrder: "big",
  adjust: 0,
  maxLength: MAX,
  gap: millis(20),
};
const FRAMERS: Readonly<Record<string, (maxLength?: number) => Framer>> = {
  delimiter: (maxLength = MAX) =>
    createDelimiterFramer({ delimiter: Buffer.from("\r\n"), maxLength, stripCr: false, skipEmpty: false }),
  slip: (maxLength = MAX) => createSlipFramer({ maxLength }),
  cobs: (maxLength = MAX) => createCobsFramer({ maxLength }),
  length: (maxLength = MAX) => createLengthFramer({ ...LENGTH, maxLength }),
  "length, little, counting itself": (maxLength = MAX) =>
    createLengthFramer({ ...LENGTH, offset: 0, lengthSize: 4, byteOrder: "little", adjust: -4, maxLength }),
  "length without start": (maxLength = MAX) => createLengthFramer({ ...LENGTH, start: Buffer.alloc(0), maxLength }),
  gap: (maxLength = MAX) => createGapFramer({ gap: millis(20), maxLength }),
  raw: (maxLength = MAX) => createRawFramer({ maxLength }),
};
/** Those whose frames are in the bytes alone. */
const CONTAINED = Object.entries(FRAMERS).filter(([name]) => name !== "gap" && name !== "raw");

/** Bytes that mean something to some framing come up often. */
const byteRun = oneof(
  array(constantFrom(0, 1, 2, 5, 0x0a, 0x0d, 0x55, 0xaa, 0xc0, 0xdb, 0xdc, 0xdd, 0xff), { maxLength: 60 }).map((list) =>
    Uint8Array.from(list),
  ),
  uint8Array({ maxLength: 60 }),
);
const payload = oneof(byteRun, uint8Array({ minLength: 250, maxLength: MAX }));

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const edges = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
}
const show = (framed: readonly Framed[]): readonly string[] =>
  framed.map((one) => (one.kind === "frame" ? Buffer.from(one.payload).toString("hex") : `${one.bytes} ${one.reason}`));
const droppedBytes = (framed: readonly Framed[]): number =>
  framed.reduce((sum, one) => sum + (one.kind === "dropped" ? one.bytes : 0), 0);

describe.for(CONTAINED)("framing %s", ([, create]) => {
  test("gives back what it encoded, wherever the stream is cut", ({ expect }) => {
    assert(
      property(array(payload, { maxLength: 6 }), array(nat(2000)), (payloads, cuts) => {
        const framer = create();
        const sent = payloads.flatMap((one) => {
          const encoded = framer.encode(one);
          return encoded === undefined ? [] : [{ one, encoded }];
        });
        const stream = Buffer.concat(sent.map(({ encoded }) => encoded));
        const framed = cut(stream, cuts).flatMap((chunk) => framer.push(chunk));
        expect(show(framed)).toEqual(sent.map(({ one }) => Buffer.from(one).toString("hex")));
        expect(framer.reset()).toEqual([]);
      }),
    );
  });

  test("makes the same of any bytes, wherever they are cut, and never throws", ({ expect }) => {
    assert(
      property(array(byteRun, { maxLength: 8 }), array(nat(500)), (runs, cuts) => {
        const stream = Buffer.concat(runs);
        const whole = create(20);
        const pieces = create(20);
        const once = [...whole.push(stream), ...whole.reset()];
        const often = [...cut(stream, cuts).flatMap((chunk) => pieces.push(chunk)), ...pieces.reset()];
        expect(show(often)).toEqual(show(once));
        expect(droppedBytes(once)).toBeLessThanOrEqual(stream.length);
        for (const one of once) if (one.kind === "frame") expect(one.payload.length).toBeLessThanOrEqual(20);
      }),
    );
  });

  test("counts what never ended, once, and begins anew", ({ expect }) => {
    const framer = create();
    const encoded = framer.encode(Buffer.from("hello")) ?? Buffer.alloc(0);
    framer.push(encoded.subarray(0, 6));
    const [given, ...others] = framer.reset();
    expect([given, others]).toEqual([{ kind: "dropped", bytes: expect.any(Number) as number, reason: "partial" }, []]);
    expect(framer.reset()).toEqual([]);
    expect(show(framer.push(encoded))).toEqual([Buffer.from("hello").toString("hex")]);
  });

  test("counts a frame that is too long, and refuses to make one", ({ expect }) => {
    const long = Buffer.alloc(30, 1);
    const encoded = create(30).encode(long) ?? Buffer.alloc(0);
    const framer = create(20);
    expect(framer.encode(long)).toBeUndefined();
    const framed = [...framer.push(encoded), ...framer.silence()];
    const next = framer.push(framer.encode(Buffer.from("next")) ?? Buffer.alloc(0));
    const all = [...framed, ...next];
    expect(all.at(-1)).toEqual({ kind: "frame", payload: new Uint8Array(Buffer.from("next")) });
    expect(all.filter(({ kind }) => kind === "dropped")).toEqual([
      { kind: "dropped", bytes: expect.any(Number) as number, reason: "too-long" },
    ]);
    expect(droppedBytes(all)).toBeGreaterThanOrEqual(30);
  });
});

test.for(Object.entries(FRAMERS))(
  "framing %s keeps no hold of the bytes that it was given",
  ([, create], { expect }) => {
    const framer = create();
    const encoded = Buffer.from(framer.encode(Buffer.from("hello")) ?? []);
    const [first, second] = [Buffer.from(encoded.subarray(0, 4)), Buffer.from(encoded.subarray(4))];
    const framed = [...framer.push(first)];
    first.fill(9);
    framed.push(...framer.push(second));
    second.fill(9);
    framed.push(...framer.silence());
    const text = framed.map((one) => (one.kind === "frame" ? Buffer.from(one.payload).toString() : "dropped"));
    expect(text.join("")).toBe("hello");
  },
);

describe("createSlipFramer()", () => {
  test("knows the escapes of RFC 1055 and no others", ({ expect }) => {
    const framer = createSlipFramer({ maxLength: 8 });
    expect(Buffer.from(framer.encode(Buffer.from([1, 0xc0, 0xdb])) ?? []).toString("hex")).toBe("c001dbdcdbddc0");
    expect(show(framer.push(Buffer.from("01db02c0c003dbdcc0db", "hex")))).toEqual(["3 invalid", "03c0"]);
    expect(show(framer.push(Buffer.from("c0", "hex")))).toEqual(["1 invalid"]);
  });
});

describe("createCobsFramer()", () => {
  const ones = Buffer.alloc(254, 1);
  test.for([
    ["", "0100"],
    ["00", "010100"],
    ["0000", "01010100"],
    ["11220033", "031122023300"],
    ["11000000", "021101010100"],
    [ones.toString("hex"), `ff${ones.toString("hex")}00`],
    [`${ones.toString("hex")}02`, `ff${ones.toString("hex")}020200`],
    [`${ones.toString("hex")}00`, `ff${ones.toString("hex")}010100`],
  ] as const)("makes of %s what the paper does", ([plain, encoded], { expect }) => {
    const framer = createCobsFramer({ maxLength: 300 });
    expect(Buffer.from(framer.encode(Buffer.from(plain, "hex")) ?? []).toString("hex")).toBe(encoded);
    expect(show(framer.push(Buffer.from(encoded, "hex")))).toEqual([plain]);
  });

  test("takes a block that is longer than its frame for a fault, and a last block that need not be", ({ expect }) => {
    const framer = createCobsFramer({ maxLength: 300 });
    expect(show(framer.push(Buffer.from("05112200", "hex")))).toEqual(["3 invalid"]);
    expect(show(framer.push(Buffer.from(`ff${ones.toString("hex")}0100`, "hex")))).toEqual([ones.toString("hex")]);
  });
});

describe("createLengthFramer()", () => {
  test("finds the next start after noise and after a length that cannot be right, and counts both", ({ expect }) => {
    const framer = createLengthFramer({ ...LENGTH, maxLength: 8 });
    const good = "aa55010002beef";
    expect(show(framer.push(Buffer.from(`0102aa${good}`, "hex")))).toEqual(["3 invalid", "01beef"]);
    expect(show(framer.push(Buffer.from(`aa5501ffff0102${good}`, "hex")))).toEqual(["7 too-long", "01beef"]);
  });

  test("without start bytes, waits for a silence after a length that cannot be right", ({ expect }) => {
    const framer = createLengthFramer({ ...LENGTH, start: Buffer.alloc(0), offset: 0, maxLength: 8 });
    const good = Buffer.from("0002beef", "hex");
    expect(show(framer.push(Buffer.concat([Buffer.from("ffff", "hex"), good])))).toEqual([]);
    expect(show(framer.silence())).toEqual(["6 too-long"]);
    expect(show(framer.push(good))).toEqual(["beef"]);
    expect(show([...framer.push(good.subarray(0, 3)), ...framer.silence(), ...framer.push(good)])).toEqual([
      "3 partial",
      "beef",
    ]);
  });

  test("takes a length that counts itself", ({ expect }) => {
    const framer = createLengthFramer({ ...LENGTH, start: Buffer.alloc(0), offset: 0, lengthSize: 1, adjust: -1 });
    expect(show(framer.push(Buffer.from("03beef", "hex")))).toEqual(["beef"]);
    expect(Buffer.from(framer.encode(Buffer.from("beef", "hex")) ?? []).toString("hex")).toBe("03beef");
    expect(show([...framer.push(Buffer.from("00", "hex")), ...framer.silence()])).toEqual(["1 invalid"]);
  });
});

describe("createGapFramer()", () => {
  test("ends a frame at a silence, and counts one that is too long", ({ expect }) => {
    const framer = createGapFramer({ gap: millis(5), maxLength: 4 });
    framer.push(Buffer.from("ab"));
    framer.push(Buffer.from("c"));
    expect(show(framer.silence())).toEqual([Buffer.from("abc").toString("hex")]);
    expect(framer.silence()).toEqual([]);
    framer.push(Buffer.from("abc"));
    framer.push(Buffer.from("defg"));
    expect(show(framer.silence())).toEqual(["7 too-long"]);
    framer.push(Buffer.from("ab"));
    expect(show(framer.reset())).toEqual(["2 partial"]);
  });
});
