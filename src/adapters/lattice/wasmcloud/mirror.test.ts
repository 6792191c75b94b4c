import { test } from "vitest";
import { createMirror, type Mirror } from "./mirror.ts";

const LIMITS = { keys: 10, size: 1000 };

function read(
  mirror: Mirror,
  bucket: string,
  values: readonly (readonly [string, number, string | undefined])[],
): void {
  mirror.beginReading(bucket);
  for (const [key, revision, value] of values) mirror.take({ key, revision, value });
  mirror.endReading(new Set(values.map(([key]) => key)));
}

test("takes newer revisions only", ({ expect }) => {
  const mirror = createMirror(undefined, LIMITS);
  read(mirror, "b1", [["a", 5, "five"]]);
  expect(mirror.take({ key: "a", revision: 4, value: "four" })).toBe(false);
  expect(mirror.get("a")).toBe("five");
  expect(mirror.take({ key: "a", revision: 6, value: undefined })).toBe(true);
  expect(mirror.get("a")).toBeUndefined();
  // The revision of the deletion is what the next change has to name.
  expect(mirror.revision("a")).toBe(6);
  expect(mirror.take({ key: "a", revision: 5, value: "late" })).toBe(false);
});

test("what is gone without a trace when the bucket is read again is gone here", ({ expect }) => {
  const first = createMirror(undefined, LIMITS);
  read(first, "b1", [
    ["a", 1, "1"],
    ["b", 2, "2"],
  ]);
  const mirror = createMirror(first.stored(), LIMITS);
  read(mirror, "b1", [["b", 2, "2"]]);
  expect(mirror.entries()).toEqual([["b", "2"]]);
});

test("changes made without the hub wait, and lose against what the hub changed or deleted meanwhile", ({ expect }) => {
  const first = createMirror(undefined, LIMITS);
  read(first, "b1", [
    ["same", 1, "1"],
    ["changed", 2, "1"],
    ["deleted", 3, "1"],
    ["removed", 4, "1"],
  ]);
  for (const key of ["same", "changed", "deleted", "removed", "new"]) first.changeHere(key, "mine");
  const mirror = createMirror(first.stored(), LIMITS);
  expect(mirror.get("changed")).toBe("mine");
  read(mirror, "b1", [
    ["same", 1, "1"],
    ["changed", 7, "theirs"],
    ["deleted", 8, undefined],
  ]);
  expect(mirror.pending()).toEqual([
    { key: "same", value: "mine", revision: 1 },
    { key: "new", value: "mine", revision: 0 },
  ]);
  expect(Object.fromEntries(mirror.entries())).toEqual({ same: "mine", changed: "theirs", new: "mine" });
});

test("a bucket that was made again takes nothing away, and what it has counts", ({ expect }) => {
  const mirror = createMirror(undefined, LIMITS);
  read(mirror, "b1", [
    ["a", 9, "old"],
    ["b", 10, "old"],
  ]);
  read(mirror, "b2", [["a", 1, "new"]]);
  expect(Object.fromEntries(mirror.entries())).toEqual({ a: "new", b: "old" });
  expect(mirror.pending()).toEqual([]);
  // And again, when it is the bucket that is known.
  read(mirror, "b2", [["a", 1, "new"]]);
  expect(mirror.get("b")).toBe("old");
  mirror.take({ key: "b", revision: 2, value: undefined });
  expect(mirror.get("b")).toBeUndefined();
});

test("has bounds", ({ expect }) => {
  const mirror = createMirror(undefined, { keys: 2, size: 10 });
  expect(mirror.changeHere("a", "123456789")).toBe(true);
  expect(mirror.changeHere("b", "1")).toBe(false);
  expect(mirror.changeHere("a", undefined)).toBe(true);
  expect(mirror.changeHere("b", "1")).toBe(true);
  expect(mirror.changeHere("c", "1")).toBe(false);
  // Rather none than one that is out of date.
  mirror.take({ key: "b", revision: 1, value: "x".repeat(100) });
  expect(mirror.get("b")).toBeUndefined();
});

test("what was stored and cannot be read counts as nothing", ({ expect }) => {
  for (const stored of ["", "{", "[]", '{"entries":[["a"]]}']) {
    expect(createMirror(stored, LIMITS).entries()).toEqual([]);
  }
});
