import { assert, property, string } from "fast-check";
import { describe, test } from "vitest";
import { anyCharacter } from "../../../test/support/wit-arbitraries.ts";
import { GuestTrap } from "./abi-errors.ts";
import {
  isChar,
  isLatin1,
  readChar,
  readLatin1,
  readUtf16,
  readUtf8,
  tagUtf16,
  untagUtf16,
  utf8Size,
  writeLatin1,
  writeUtf16,
  writeUtf8,
} from "./abi-strings.ts";

const AT = 3;
const memory = () => Buffer.alloc(400, 0x21);

function throughUtf8(text: string): string {
  const bytes = memory();
  const size = utf8Size(text);
  writeUtf8(bytes, text, AT, size);
  return readUtf8(bytes, AT, size);
}

describe("writeUtf8()", () => {
  test("writes what readUtf8() reads, for short and long strings", () => {
    assert(property(string({ unit: anyCharacter, maxLength: 60 }), (text) => throughUtf8(text) === text));
    assert(property(string({ unit: "binary-ascii", maxLength: 100 }), (text) => throughUtf8(text) === text));
  });

  test("writes utf8Size() bytes and not one more", ({ expect }) => {
    for (const text of ["", "a", "é", "a".repeat(24), "a".repeat(25), `${"a".repeat(30)}€`, "😀"]) {
      const bytes = memory();
      const size = utf8Size(text);
      writeUtf8(bytes, text, AT, size);
      expect(size).toBe(new TextEncoder().encode(text).length);
      expect(bytes[AT - 1]).toBe(0x21);
      expect(bytes[AT + size]).toBe(0x21);
    }
  });

  test("writes U+FFFD for half a surrogate pair", ({ expect }) => {
    expect(throughUtf8("a\ud800b")).toBe("a\ufffdb");
    expect(throughUtf8(`${"a".repeat(40)}\udc00`)).toBe(`${"a".repeat(40)}\ufffd`);
  });
});

describe("readUtf8()", () => {
  test("keeps U+FFFD and byte order marks that are there", ({ expect }) => {
    expect(throughUtf8("\ufeffa\ufffd")).toBe("\ufeffa\ufffd");
  });

  test("traps on what is no UTF-8", ({ expect }) => {
    for (const bytes of [[0x80], [0xc3], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xc0, 0xaf]]) {
      const buffer = Buffer.from([0x61, ...bytes, 0x62]);
      expect(() => readUtf8(buffer, 0, buffer.length), String(bytes)).toThrow(GuestTrap);
    }
  });
});

describe("readUtf16()", () => {
  test("reads what writeUtf16() wrote", () => {
    assert(
      property(string({ unit: anyCharacter, maxLength: 60 }), (text) => {
        const bytes = memory();
        writeUtf16(bytes, text, 2);
        return readUtf16(bytes, 2, text.length * 2) === text;
      }),
    );
  });

  test("traps on half a surrogate pair", ({ expect }) => {
    expect(() => readUtf16(Buffer.from([0x00, 0xd8, 0x61, 0x00]), 0, 4)).toThrow(GuestTrap);
  });
});

test("readLatin1() reads what writeLatin1() wrote", ({ expect }) => {
  const bytes = memory();
  writeLatin1(bytes, "aé\xff\0", 1);
  expect(readLatin1(bytes, 1, 4)).toBe("aé\xff\0");
  expect(isLatin1("aé\xff\0")).toBe(true);
  expect(isLatin1("a€")).toBe(false);
});

test("untagUtf16() undoes tagUtf16() and leaves other lengths", ({ expect }) => {
  expect(untagUtf16(tagUtf16(7))).toBe(7);
  expect(untagUtf16(7)).toBeUndefined();
});

test("isChar() is true for one character and for nothing else", ({ expect }) => {
  for (const value of ["a", "€", "😀", "\0", "\ufeff"]) expect(isChar(value), value).toBe(true);
  for (const value of ["", "ab", "\ud800", "\udc00", "😀a", 97, undefined]) expect(isChar(value)).toBe(false);
});

test("readChar() traps on surrogates and beyond the last character", ({ expect }) => {
  expect(readChar(0x1f600)).toBe("😀");
  expect(readChar(0x10ffff)).toBe("\u{10ffff}");
  for (const point of [0xd800, 0xdfff, 0x110000, 0xffffffff]) expect(() => readChar(point)).toThrow(GuestTrap);
});
