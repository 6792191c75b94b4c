import { describe, test } from "vitest";
import { createSequence } from "./sequence.ts";

describe("createSequence()", () => {
  test("next() counts from 1 and tells of gaps", ({ expect }) => {
    const sequence = createSequence();
    expect([1, 2, 6, 7].map((n) => sequence.next(n))).toEqual([
      { sequence: 1n, lost: 0 },
      { sequence: 2n, lost: 0 },
      { sequence: 6n, lost: 3 },
      { sequence: 7n, lost: 0 },
    ]);
  });

  test("next() tells of edges lost before the first", ({ expect }) => {
    expect(createSequence().next(4)).toEqual({ sequence: 4n, lost: 3 });
  });

  test("next() goes on where 32 bits end, also across a gap", ({ expect }) => {
    const sequence = createSequence();
    sequence.next(2 ** 32 - 1);
    expect(sequence.next(0)).toEqual({ sequence: 2n ** 32n, lost: 0 });
    expect(sequence.next(3)).toEqual({ sequence: 2n ** 32n + 3n, lost: 2 });
  });
});
