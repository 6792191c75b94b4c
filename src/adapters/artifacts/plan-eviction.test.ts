import { describe, test } from "vitest";
import { planEviction } from "./plan-eviction.ts";

const HOUR = 3_600_000;
const NOW = 1000 * HOUR;
const file = (content: string, size: number, hoursAgo: number) => ({ content, size, usedAt: NOW - hoursAgo * HOUR });
const names = (files: readonly { content: string }[]): string[] => files.map(({ content }) => content);
const nothing = { blobs: [], parts: [], kept: new Set<string>(), room: 0, now: NOW };

describe("planEviction()", () => {
  test("leaves everything when there is room", ({ expect }) => {
    const blobs = [file("a", 10, 5), file("b", 10, 1)];
    expect(planEviction({ ...nothing, blobs, room: 20 })).toEqual({ blobs: [], parts: [], left: 20 });
  });

  test("takes what was not used for the longest time, and no more than needed", ({ expect }) => {
    const blobs = [file("a", 10, 2), file("b", 10, 9), file("c", 10, 5), file("d", 10, 1)];
    const { blobs: going, left } = planEviction({ ...nothing, blobs, room: 25 });
    expect(names(going)).toEqual(["b", "c"]);
    expect(left).toBe(20);
  });

  test("keeps what components have, even when that is too much", ({ expect }) => {
    const blobs = [file("a", 10, 9), file("b", 10, 8), file("c", 10, 7)];
    const { blobs: going, left } = planEviction({ ...nothing, blobs, kept: new Set(["a", "c"]), room: 5 });
    expect(names(going)).toEqual(["b"]);
    expect(left).toBe(20);
  });

  test("takes parts that nobody goes on with before anything else", ({ expect }) => {
    const found = planEviction({
      ...nothing,
      blobs: [file("a", 10, 300)],
      parts: [file("p", 10, 3), file("wanted", 10, 3), file("growing", 10, 0.5)],
      kept: new Set(["wanted"]),
      room: 30,
    });
    expect(names(found.parts)).toEqual(["p"]);
    expect(found.blobs).toEqual([]);
  });

  test("takes parts of last week in any case", ({ expect }) => {
    const parts = [file("old", 10, 200), file("young", 10, 100)];
    expect(names(planEviction({ ...nothing, parts, room: 1000 }).parts)).toEqual(["old"]);
  });
});
