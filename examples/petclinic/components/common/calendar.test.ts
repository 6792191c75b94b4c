import { describe, test } from "vitest";
import { compareDates, formatDate, parseDate } from "./calendar.ts";

describe("parseDate()", () => {
  test("reads what formatDate() writes", ({ expect }) => {
    for (const text of ["2024-01-31", "1900-12-01", "2199-12-31", "2000-02-29", "2024-02-29"]) {
      const date = parseDate(text);
      expect(date === undefined ? undefined : formatDate(date), text).toBe(text);
    }
  });

  test("takes no day that is none", ({ expect }) => {
    for (const text of [
      "2023-02-29",
      "1900-02-29",
      "2024-04-31",
      "2024-13-01",
      "2024-00-01",
      "2024-01-00",
      "1899-12-31",
      "2200-01-01",
      "24-01-01",
      "2024-1-1",
      " 2024-01-01",
      "2024-01-01T00:00",
      "",
    ]) {
      expect(parseDate(text), text).toBeUndefined();
    }
  });
});

test("compareDates() sorts days", ({ expect }) => {
  const days = ["2024-02-01", "2023-12-31", "2024-01-31"].flatMap((text) => parseDate(text) ?? []);
  expect(days.sort(compareDates).map(formatDate)).toEqual(["2023-12-31", "2024-01-31", "2024-02-01"]);
});
