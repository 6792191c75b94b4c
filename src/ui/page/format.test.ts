import { test } from "vitest";
import { bytes, duration, number, percent, perSecond } from "./format.ts";

test("numbers are short", ({ expect }) => {
  expect([0, 3, 0.5, 1.234, 12.34, 123.4, 12_345].map(number)).toEqual([
    "0",
    "3",
    "0.5",
    "1.23",
    "12.3",
    "123",
    "12,345",
  ]);
  expect([0, 1023, 1536, 32 * 1024 ** 2, 5 * 1024 ** 5].map(bytes)).toEqual([
    "0 B",
    "1,023 B",
    "1.5 KiB",
    "32 MiB",
    "5,120 TiB",
  ]);
  expect([0.0021, 5, 125, 7200, 300_000].map(duration)).toEqual(["2.1 ms", "5 s", "2 min", "2 h", "3 days"]);
  expect([percent(0.123), perSecond(0.2)]).toEqual(["12.3 %", "0.2/s"]);
});
