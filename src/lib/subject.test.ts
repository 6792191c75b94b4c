import { describe, test } from "vitest";
import { isPattern, isSubject, matchesSubject } from "./subject.ts";

describe("isSubject()", () => {
  test.for(["a", "readings.boiler", "_INBOX.x.1", "a-b.c_d.É"])("accepts %s", (text, { expect }) => {
    expect(isSubject(text)).toBe(true);
  });
  test.for(["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "a\tb", "a\u0000", "x".repeat(513)])(
    "refuses %j",
    (text, { expect }) => {
      expect(isSubject(text)).toBe(false);
    },
  );
});

describe("isPattern()", () => {
  test.for(["*", ">", "a.*.b", "a.>", "a"])("accepts %s", (text, { expect }) => {
    expect(isPattern(text)).toBe(true);
  });
  test.for(["", "a.>.b", "a*", "a.b>", "a..*", " "])("refuses %j", (text, { expect }) => {
    expect(isPattern(text)).toBe(false);
  });
});

describe("matchesSubject()", () => {
  test.for([
    ["a.b", "a.b", true],
    ["a.b", "a.b.c", false],
    ["a.b.c", "a.b", false],
    ["a.*", "a.b", true],
    ["a.*", "a", false],
    ["a.*", "a.b.c", false],
    ["*.b", "a.b", true],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    [">", "a.b", true],
  ] as const)("%s against %s is %s", ([pattern, subject, matches], { expect }) => {
    expect(matchesSubject(pattern, subject)).toBe(matches);
  });
});
