import { describe, test } from "vitest";
import type { StreamPosition } from "../../domain/inbox.ts";
import { isKnown, overlaps } from "./position.ts";

const last: StreamPosition = { stream: "IN", created: "monday", seq: 7, time: 700n };

describe("isKnown()", () => {
  test.for([
    ["the same message again", {}, true],
    ["an older one", { seq: 3, time: 300n }, true],
    ["the next one", { seq: 8, time: 800n }, false],
    ["one of a stream that was made again", { created: "tuesday", seq: 1, time: 900n }, false],
    ["one of another stream", { stream: "OTHER", seq: 1, time: 100n }, false],
    ["one with a sequence that the hub lost and gave out again", { seq: 7, time: 701n }, false],
  ] as const)("%s", ([, change, known], { expect }) => {
    expect(isKnown(last, { ...last, ...change })).toBe(known);
  });

  test("nothing is known before the first message", ({ expect }) => {
    expect(isKnown(undefined, last)).toBe(false);
  });
});

describe("overlaps()", () => {
  test.for([
    ["a.b", "a.b", true],
    ["a.b", "a.c", false],
    ["a.*", "a.b", true],
    ["a.*", "a.b.c", false],
    ["a.>", "a.b.c", true],
    ["a.>", "a", false],
    [">", "a", true],
    ["*.b", "a.*", true],
    ["a.*.c", "a.b.>", true],
    ["a.*", "b.>", false],
  ] as const)("%s and %s: %s", ([a, b, expected], { expect }) => {
    expect(overlaps(a, b)).toBe(expected);
    expect(overlaps(b, a)).toBe(expected);
  });
});
