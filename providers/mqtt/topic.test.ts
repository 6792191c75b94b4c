import * as fc from "fast-check";
import { describe, test } from "vitest";
import { covers, isFilter, isTopic, matchesTopic, subscriptionIdentifier } from "./topic.ts";

describe("isTopic()", () => {
  test.for(["a", "/", "a//b", "sensors/1/temp", "ä b"])("accepts %s", (text, { expect }) => {
    expect(isTopic(text)).toBe(true);
  });
  test.for(["", "a/+", "a/#", "a\u0000", "\uD800", "x".repeat(65_536)])("refuses %j", (text, { expect }) => {
    expect(isTopic(text)).toBe(false);
  });
});

describe("isFilter()", () => {
  test.for(["#", "+", "+/a", "a/+/b", "a/#", "/", "$SYS/#", "$share/g/a/+"])("accepts %s", (text, { expect }) => {
    expect(isFilter(text)).toBe(true);
  });
  test.for(["", "a#", "#/a", "a/#/b", "a+", "a/+b", "$share/g", "$share//a", "$share/+/a", "$share/g/a#"])(
    "refuses %j",
    (text, { expect }) => {
      expect(isFilter(text)).toBe(false);
    },
  );
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
    ["$share/g/a/+", "a/b", true],
    ["$share/g/a/+", "b/b", false],
    ["$share/g/#", "$SYS/x", false],
  ] as const)("%s against %s is %s", ([filter, topic, matches], { expect }) => {
    expect(matchesTopic(filter, topic)).toBe(matches);
  });
});

describe("covers()", () => {
  test.for([
    ["#", "a/+/#", true],
    ["a/+", "a/b", true],
    ["a/+", "a/+", true],
    ["a/b", "a/+", false],
    ["a/+", "a/#", false],
    ["a/#", "a", true],
    ["a/#", "#", false],
    ["#", "$SYS/#", false],
    ["a/#", "$share/g/a/b", true],
    ["b/#", "$share/g/a/b", false],
  ] as const)("%s of %s is %s", ([wider, filter, expected], { expect }) => {
    expect(covers(wider, filter)).toBe(expected);
  });

  test("a filter that is covered matches nothing else", ({ expect }) => {
    const levels = (...names: readonly string[]) => fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 });
    const filter = levels("a", "b", "+", "#")
      .map((all) => all.join("/"))
      .filter(isFilter);
    fc.assert(
      fc.property(filter, filter, levels("a", "b", "$x"), (wider, inner, topic) => {
        fc.pre(covers(wider, inner) && matchesTopic(inner, topic.join("/")));
        expect(matchesTopic(wider, topic.join("/"))).toBe(true);
      }),
    );
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
