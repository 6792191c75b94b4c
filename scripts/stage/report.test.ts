import { describe, test } from "vitest";
import { formatReport, judge } from "./report.ts";
import type { SubjectReport } from "./verify.ts";

const exact: SubjectReport = {
  subject: "readings.boiler",
  sent: 120,
  arrived: 120,
  duplicates: 0,
  outOfOrder: 0,
  missing: [],
  unexpected: 0,
};

describe("formatReport()", () => {
  test("aligns words to the left and numbers to the right", ({ expect }) => {
    const other = { ...exact, subject: "events.button", sent: 7, arrived: 6, missing: [3] };
    const table = formatReport([exact, other], (subject) => (subject.startsWith("events.") ? "GPIO" : "MQTT"));
    expect(table.split("\n")).toEqual([
      "subject          from  sent  arrived  duplicates  out of order  missing  unexpected",
      "───────────────  ────  ────  ───────  ──────────  ────────────  ───────  ──────────",
      "readings.boiler  MQTT   120      120           0             0        0           0",
      "events.button    GPIO     7        6           0             0        1           0",
    ]);
  });
});

describe("judge()", () => {
  test("praises when everything arrived", ({ expect }) => {
    expect(judge([exact, exact])).toEqual({ ok: true, text: "All 240 messages arrived exactly once and in order" });
  });

  test("names each fault with its subject", ({ expect }) => {
    const faulty = { ...exact, duplicates: 2, outOfOrder: 1, missing: [1, 2, 3, 4, 5, 6], unexpected: 4 };
    expect(judge([exact, faulty])).toEqual({
      ok: false,
      text: "readings.boiler: 6 missing (1, 2, 3, 4, 5, …), 2 duplicates, 1 out of order, 4 unexpected",
    });
  });

  test("is not content with silence", ({ expect }) => {
    expect(judge([]).ok).toBe(false);
    expect(judge([{ ...exact, sent: 0, arrived: 0 }]).ok).toBe(false);
  });
});
