import { describe, test } from "vitest";
import { isFilter, isTopic, matchesTopic, subscriptionIdentifier } from "./topic.ts";

describe("isTopic()", () => {
  test.for(["a", "/", "a//b", "sensors/1/temp", "ä b"])("accepts %s", (text, { expect }) => {
    expect(isTopic(text)).toBe(true);
  });
  test.for(["", "a/+", "a/#", "a\u0000", "\uD800", "x".repeat(65_536)])("refuses %j", (text, { expect }) => {
    expect(isTopic(text)).toBe(false);
  });
});

describe("isFilter()", () => {
  test.for(["#", "+", "+/a", "a/+/b", "a/#", "/", "$SYS/#"])("accepts %s", (text, { expect }) => {
    expect(isFilter(text)).toBe(true);
  });
  test.for(["", "a#", "#/a", "a/#/b", "a+", "a/+b"])("refuses %j", (text, { expect }) => {
    expect(isFilter(text)).toBe(false);
  });
});

describe("matchesTopic()", () => {
  test.for([
    ["a/b", "a/b", true],
    ["a/b", "a/b/c", false],
    ["a/b/c", "a/b", false],
    ["a/+", "a/b", true],
    ["a/+", "a/", true],
    ["a/+", "a", false],
    ["a/+", "a/b/c", false],
    ["+", "a", true],
    ["+/+", "/a", true],
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["a/#", "ab", false],
    ["#", "a/b", true],
    ["#", "$SYS/x", false],
    ["+/x", "$SYS/x", false],
    ["$SYS/#", "$SYS/x", true],
  ] as const)("%s against %s is %s", ([filter, topic, matches], { expect }) => {
    expect(matchesTopic(filter, topic)).toBe(matches);
  });
});

describe("subscriptionIdentifier()", () => {
  test("is the same in every run, differs between filters and stays in range", ({ expect }) => {
    expect(subscriptionIdentifier("sensors/#")).toBe(subscriptionIdentifier("sensors/#"));
    const filters = Array.from({ length: 1000 }, (_, i) => `sensors/${i}`);
    const all = filters.map(subscriptionIdentifier);
    expect(new Set(all).size).toBe(filters.length);
    expect(all.every((id) => id >= 1 && id <= 268_435_455)).toBe(true);
  });
});
