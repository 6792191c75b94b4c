import { describe, test } from "vitest";
import { FLOOR, formatServerVersion, isAtLeast, parseServerVersion, supports } from "./server-version.ts";

const version = (text: string) => parseServerVersion(text) ?? FLOOR;

describe("parseServerVersion()", () => {
  test.for([
    ["2.14.9", "2.14.9"],
    ["nats-server: v2.9.10", "2.9.10"],
    ["v2.10.26-RC.1", "2.10.26"],
    ["nats-server: v2.9.10+ds1", "2.9.10"],
  ])("reads %j", ([text, expected], { expect }) => {
    const parsed = parseServerVersion(text ?? "");
    expect(parsed === undefined ? undefined : formatServerVersion(parsed)).toBe(expected);
  });

  test.for(["", "nats-server", "2.9", "1.2.3.4", "fetch-Ab12Cd"])("refuses %j", (text, { expect }) => {
    expect(parseServerVersion(text)).toBeUndefined();
  });
});

test("isAtLeast() compares numbers, not text", ({ expect }) => {
  expect(isAtLeast(version("2.10.0"), version("2.9.10"))).toBe(true);
  expect(isAtLeast(version("2.9.9"), version("2.9.10"))).toBe(false);
  expect(isAtLeast(version("3.0.0"), version("2.14.9"))).toBe(true);
  expect(isAtLeast(FLOOR, FLOOR)).toBe(true);
});

test("supports() knows the first release of each option", ({ expect }) => {
  expect(supports(version("2.10.25"), "firstInfoTimeout")).toBe(false);
  expect(supports(version("2.10.26"), "firstInfoTimeout")).toBe(true);
  expect(supports(version("2.14.4"), "dialTimeout")).toBe(false);
  expect(supports(version("2.14.5"), "dialTimeout")).toBe(true);
});
