import * as fc from "fast-check";
import { describe, test } from "vitest";
import { parseCron } from "./cron.ts";
import { cronSeries, dueBetween, everySeries, planFirings, type CatchUp, type Series } from "./series.ts";
import { createZone } from "./zone.ts";

const at = (text: string): number => Date.parse(text);
const iso = (time: number): string => new Date(time).toISOString().slice(0, 16);
const series = (cron: string, zone = "UTC"): Series => cronSeries(parseCron(cron), createZone(zone));

function following(cron: string, zone: string, from: string, count: number): string[] {
  const found: string[] = [];
  for (let time = at(from); found.length < count;) {
    time = series(cron, zone).next(time);
    found.push(iso(time));
  }
  return found;
}

describe("parseCron()", () => {
  test.for([
    ["*/15 * * * *", "2026-11-28T10:07Z", ["2026-11-28T10:15", "2026-11-28T10:30"]],
    ["5,7-9/2 0 * * *", "2026-11-28T00:05Z", ["2026-11-28T00:07", "2026-11-28T00:09", "2026-11-29T00:05"]],
    ["30 6 * * mon-fri", "2026-11-28T00:00Z", ["2026-11-30T06:30", "2026-12-01T06:30"]],
    ["0 0 29 2 *", "2026-01-01T00:00Z", ["2028-02-29T00:00", "2032-02-29T00:00"]],
    // Either is enough when both are given.
    ["0 0 1 * SUN", "2026-11-28T00:00Z", ["2026-11-29T00:00", "2026-12-01T00:00", "2026-12-06T00:00"]],
    ["0 12 * Dec 7", "2026-11-28T00:00Z", ["2026-12-06T12:00"]],
    ["10/20 * * * *", "2026-11-28T10:07Z", ["2026-11-28T10:10", "2026-11-28T10:30", "2026-11-28T10:50"]],
    ["@monthly", "2026-11-28T00:00Z", ["2026-12-01T00:00", "2027-01-01T00:00"]],
    ["0 0 29 2 *", "2096-03-01T00:00Z", ["2104-02-29T00:00"]],
  ] as const)("%s", ([cron, from, expected], { expect }) => {
    expect(following(cron, "UTC", from, expected.length)).toEqual(expected);
  });

  test.for([
    "",
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "*/0 * * * *",
    "5-1 * * * *",
    "a * * * *",
  ])("refuses %j", (text, { expect }) => {
    expect(() => parseCron(text)).toThrow(/want/);
  });

  test("refuses a day that never comes", ({ expect }) => {
    expect(() => parseCron("0 0 30 2 *")).toThrow("no day has this day and month");
  });
});

describe("cronSeries() where clocks are changed", () => {
  test("a time that does not exist is due when the clocks are put forward", ({ expect }) => {
    // Berlin, on the 29th of March 2026: 02:00 becomes 03:00, at 01:00 UTC.
    expect(following("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00Z", 3)).toEqual([
      "2026-03-28T01:30",
      "2026-03-29T01:00",
      "2026-03-30T00:30",
    ]);
    expect(following("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:29Z", 3)).toEqual([
      "2026-03-29T00:30",
      "2026-03-29T01:00",
      "2026-03-29T01:30",
    ]);
  });

  test("a time that comes twice is due once", ({ expect }) => {
    // On the 25th of October 03:00 becomes 02:00, at 01:00 UTC.
    expect(following("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", 2)).toEqual([
      "2026-10-25T00:30",
      "2026-10-26T01:30",
    ]);
    expect(following("0 * * * *", "Europe/Berlin", "2026-10-24T23:30Z", 3)).toEqual([
      "2026-10-25T00:00",
      "2026-10-25T02:00",
      "2026-10-25T03:00",
    ]);
  });

  test("next() and latest() agree, wherever and whenever", ({ expect }) => {
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe");
    const crons = fc.constantFrom("*/15 * * * *", "30 2 * * *", "0 0 1 * *", "5 1-3 * * sun", "0 */6 * 3,10,11 *");
    const times = fc.integer({ min: at("2020-01-01"), max: at("2040-01-01") });
    fc.assert(
      fc.property(zones, crons, times, (zone, cron, time) => {
        const one = series(cron, zone);
        const [before, after] = [one.latest(time), one.next(time)];
        expect(before).toBeLessThanOrEqual(time);
        expect(after).toBeGreaterThan(time);
        expect(one.next(before)).toBe(after);
        expect(one.latest(after)).toBe(after);
        expect(one.latest(after - 1)).toBe(before);
      }),
      { numRuns: 300 },
    );
  });
});

describe("dueBetween()", () => {
  test("counts what is due and keeps the newest", ({ expect }) => {
    const every = everySeries(10, 5);
    expect(dueBetween(every, 5, 44, 2)).toEqual({ count: 3, newest: [25, 35] });
    expect(dueBetween(every, 5, 14, 2)).toEqual({ count: 0, newest: [] });
  });

  test("is quick after years, and counts no more than 1000", ({ expect }) => {
    const due = dueBetween(series("* * * 1-6 *", "Europe/Berlin"), at("2020-01-01"), at("2026-12-01"), 2);
    expect(due.count).toBe(1000);
    expect(due.newest.map(iso)).toEqual(["2026-06-30T21:58", "2026-06-30T21:59"]);
  });
});

describe("planFirings()", () => {
  const due = { count: 5, newest: [30, 40, 50] };
  const plan = (policy: CatchUp, now: number, missed = 0) => planFirings(due, { now, tolerance: 5, policy, missed });

  test("skip: only what is in time", ({ expect }) => {
    expect(plan("skip", 55, 2)).toEqual({ firings: [{ at: 50, missed: 6 }], missed: 0 });
    expect(plan("skip", 56, 2)).toEqual({ firings: [], missed: 7 });
  });

  test("once: the newest, however late", ({ expect }) => {
    expect(plan("once", 99)).toEqual({ firings: [{ at: 50, missed: 4 }], missed: 0 });
  });

  test("all: as many as were kept, oldest first", ({ expect }) => {
    const firings = [
      { at: 30, missed: 3 },
      { at: 40, missed: 0 },
      { at: 50, missed: 0 },
    ];
    expect(plan("all", 99, 1)).toEqual({ firings, missed: 0 });
  });

  test("nothing due: what was left out stays", ({ expect }) => {
    const nothing = { count: 0, newest: [] };
    expect(planFirings(nothing, { now: 1, tolerance: 5, policy: "all", missed: 3 })).toEqual({
      firings: [],
      missed: 3,
    });
  });
});
