import * as fc from "fast-check";
import { describe, test } from "vitest";
import { decodeKey, encodeKey, prefixOf } from "./keys.ts";

describe("encodeKey()", () => {
  test("leaves what NATS has in keys, and writes the rest as bytes", ({ expect }) => {
    expect(encodeKey("sensor/1.temp_C-x", true)).toBe("sensor/1.temp_C-x");
    expect(encodeKey("a=b c", true)).toBe("a=3Db=20c");
    expect(encodeKey("é*>", true)).toBe("=C3=A9=2A=3E");
  });

  test("makes no empty token", ({ expect }) => {
    expect(encodeKey(".", true)).toBe("=2E");
    expect(encodeKey("a..b.", true)).toBe("a.=2Eb=2E");
    expect(encodeKey("a.b", false)).toBe("a=2Eb");
  });

  test("makes keys that NATS takes, which decodeKey() turns back, and no two of the same", ({ expect }) => {
    const text = fc.string({ minLength: 1, maxLength: 30, unit: "binary" });
    fc.assert(
      fc.property(
        fc.oneof(text, fc.string({ minLength: 1, unit: fc.constantFrom("a", ".", "=", "2", "E") })),
        (key) => {
          const encoded = encodeKey(key, true);
          expect(encoded).toMatch(/^[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*$/);
          expect(decodeKey(encoded)).toBe(key);
        },
      ),
    );
  });
});

describe("decodeKey()", () => {
  for (const foreign of ["=", "=4", "=zz", "=41", "a=2e", "=FF", "=2Eb=2E="]) {
    test(`knows "${foreign}" for another program's`, ({ expect }) => {
      expect(decodeKey(foreign)).toBeUndefined();
    });
  }
});

describe("prefixOf()", () => {
  test("keeps names apart that only look alike", ({ expect }) => {
    expect(prefixOf({ namespace: "a", identifier: "b.c" })).toBe("a.b=2Ec.");
    expect(prefixOf({ namespace: "a.b", identifier: "c" })).toBe("a=2Eb.c.");
  });
});
