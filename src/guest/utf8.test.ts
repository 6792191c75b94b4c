import * as fc from "fast-check";
import { describe, test } from "vitest";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

/** What the platform says: undefined for malformed input, a byte order mark kept. */
function platformDecode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

describe("encodeUtf8()", () => {
  test("agrees with TextEncoder on any text, lone surrogates included", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.integer({ min: 0, max: 0xffff })), (text, units) => {
        for (const sample of [text, String.fromCharCode(...units)]) {
          expect(encodeUtf8(sample)).toEqual(new TextEncoder().encode(sample));
        }
      }),
    );
  });
});

describe("decodeUtf8()", () => {
  test("reads back what encodeUtf8() wrote", ({ expect }) => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
  });

  test("agrees with a strict TextDecoder on any bytes", ({ expect }) => {
    const nearMiss = fc.array(fc.constantFrom(0x00, 0x41, 0x80, 0xbf, 0xc2, 0xe0, 0xa0, 0xed, 0xf0, 0x90, 0xf4, 0x8f));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          nearMiss.map((bytes) => Uint8Array.from(bytes)),
        ),
        (bytes) => {
          expect(decodeUtf8(bytes)).toBe(platformDecode(bytes));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.for([
    ["a cut-off sequence", [0xe2, 0x82]],
    ["a lone continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a value above U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ] as const)("refuses %s", ([, bytes], { expect }) => {
    expect(decodeUtf8(Uint8Array.from(bytes))).toBeUndefined();
  });
});
