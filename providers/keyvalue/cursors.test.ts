import { describe, test } from "vitest";
import { createCursors } from "./cursors.ts";

describe("createCursors()", () => {
  test("resolve() returns the place of a cursor, more than once", ({ expect }) => {
    const cursors = createCursors(2);
    const cursor = cursors.issue("b", "k");
    expect(cursors.resolve("b", cursor)).toBe("k");
    expect(cursors.resolve("b", cursor)).toBe("k");
  });

  test("resolve() knows no cursor of another bucket and none that was never issued", ({ expect }) => {
    const cursors = createCursors(2);
    const cursor = cursors.issue("b", "k");
    expect(cursors.resolve("c", cursor)).toBeUndefined();
    expect(cursors.resolve("b", cursor + 1n)).toBeUndefined();
  });

  test("issue() forgets the oldest beyond the limit", ({ expect }) => {
    const cursors = createCursors(2);
    const [first, second, third] = ["1", "2", "3"].map((key) => cursors.issue("b", key));
    expect(cursors.resolve("b", first ?? 0n)).toBeUndefined();
    expect(cursors.resolve("b", second ?? 0n)).toBe("2");
    expect(cursors.resolve("b", third ?? 0n)).toBe("3");
  });
});
