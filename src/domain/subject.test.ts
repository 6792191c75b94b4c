import { describe, test } from "vitest";
import { isSubjectFilter, overlaps } from "./subject.ts";

describe("overlaps()", () => {
  test.for([
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.*", "*.b", true],
    ["a.*", "b.*", false],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    ["a.b", "a.b.>", false],
    ["a.*.c", "a.>", true],
    ["a", "a.b", false],
    ["a.b", "a", false],
    [">", "x.y", true],
  ] as const)("of %j and %j is %j, both ways round", ([one, other, expected], { expect }) => {
    expect(overlaps(one, other)).toBe(expected);
    expect(overlaps(other, one)).toBe(expected);
  });
});

test.for([
  ["a.*.c", true],
  ["a.>", true],
  ["a.>.c", false],
  ["a b", false],
  ["a\u0000", false],
  ["", false],
  ["a..b", false],
  ["é".repeat(257), false],
] as const)("isSubjectFilter(%j) is %j", ([text, expected], { expect }) => {
  expect(isSubjectFilter(text)).toBe(expected);
});
