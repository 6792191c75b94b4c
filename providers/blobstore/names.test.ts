import * as fc from "fast-check";
import { describe, test } from "vitest";
import { decodeName, encodeName } from "./names.ts";

describe("encodeName()", () => {
  test("makes one name without separators of any text, and decodeName() the text of it", ({ expect }) => {
    expect(encodeName("report-2.csv")).toBe("report-2.csv");
    expect(encodeName("../x")).toBe("%2E.%2Fx");
    expect(encodeName("..")).toBe("%2E.");
    expect(encodeName("a/b\0ö+ %")).toBe("a%2Fb%00%C3%B6%2B%20%25");
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 80 }), (name) => {
        const encoded = encodeName(name);
        if (encoded === undefined) return true;
        return /^[A-Za-z0-9_~%-][A-Za-z0-9_.~%-]{0,239}$/.test(encoded) && decodeName(encoded) === name;
      }),
    );
  });

  test("refuses what is empty, too long or no text", ({ expect }) => {
    for (const name of ["", "x".repeat(241), "/".repeat(81), "x".repeat(1_048_576), "\ud800"]) {
      expect(encodeName(name)).toBeUndefined();
    }
    expect(encodeName("x".repeat(240))).toHaveLength(240);
  });

  test("decodeName() refuses what no name is made to", ({ expect }) => {
    for (const file of ["", ".hidden", "a%2f", "%zz", "%41", "a b", "%FF"]) expect(decodeName(file)).toBeUndefined();
  });
});
