import { test } from "vitest";
import { formatAge, formatBytes, formatTable } from "./table.ts";

test("formatTable() aligns columns and leaves no blanks at line ends", ({ expect }) => {
  expect(
    formatTable([
      ["A", "LONG"],
      ["abc", "x"],
    ]),
  ).toBe("A    LONG\nabc  x");
});

test.for([
  [0, "0 B"],
  [1023, "1023 B"],
  [1536, "1.5 KiB"],
  [64 * 1024, "64 KiB"],
  [5 * 1024 ** 3, "5.0 GiB"],
  [5000 * 1024 ** 3, "5000 GiB"],
] as const)("formatBytes(%d) is %s", ([count, text], { expect }) => {
  expect(formatBytes(count)).toBe(text);
});

test.for([
  [0, "0 s"],
  [89, "89 s"],
  [600, "10 min"],
  [7200, "2.0 h"],
  [864_000, "10.0 d"],
] as const)("formatAge(%d) is %s", ([seconds, text], { expect }) => {
  expect(formatAge(seconds)).toBe(text);
});
