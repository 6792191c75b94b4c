import { describe, test } from "vitest";
import { days, millis, minutes, seconds } from "../../domain/units.ts";
import { initialClock, lookAtClock, type ClockModel, type ClockReading, type LocalWitnesses } from "./verdict.ts";

const RELEASED = Date.UTC(2026, 10, 1);
const NOON = Date.UTC(2027, 0, 1, 12);
/** A minute after the boot. */
const BOOTTIME = minutes(1);
const at = (wall: number, boottime: number = BOOTTIME): ClockReading => ({ wall, boottime });

const fresh = (wall: number, more: Partial<ClockModel> = {}): ClockModel => ({
  ...initialClock({ policy: "auto", released: RELEASED }, at(wall)),
  ...more,
});
const look = (wall: number, more: Partial<ClockModel>) => lookAtClock(fresh(wall, more), at(wall))[1];
/** A hub that was asked just now, and is so much ahead of a device whose clock shows `wall`. */
const hub = (wall: number, ahead: number, error = millis(20)): Partial<ClockModel> => ({
  hub: { offset: millis(wall - BOOTTIME + ahead), error, asked: BOOTTIME },
});
const local = (witnesses: LocalWitnesses): Partial<ClockModel> => ({ local: witnesses });
const rtc = (shows: number): Partial<ClockModel> => local({ rtc: millis(shows - BOOTTIME) });
const setAt = (wall: number): Partial<ClockModel> => local({ timesyncd: millis(wall) });

describe("lookAtClock()", () => {
  test.for([
    ["nobody says anything", NOON, {}, "unsynced", /nobody has confirmed it/],
    ["a person says so", 0, { policy: "trusted" }, "synced", "configuration"],
    ["1970", 0, {}, "wrong", /shows 1970-01-01, before this release of 2026-11-01/],
    ["1970, and the rtc agrees", 0, rtc(0), "wrong", /1970/],
    ["1970, and so does the hub", 0, hub(0, 0), "wrong", /1970/],
    ["the hub agrees", NOON, hub(NOON, 4900), "synced", "hub"],
    ["the hub agrees as well as a slow link can tell", NOON, hub(NOON, 14_000, seconds(10)), "synced", "hub"],
    ["the hub is ahead", NOON, hub(NOON, 60_000), "wrong", /the hub's clock is 60 s ahead/],
    ["the hub is behind", NOON, hub(NOON, -3 * days(1)), "wrong", /the hub's clock is 3 days behind/],
    ["the hub contradicts timesyncd", NOON, { ...setAt(NOON), ...hub(NOON, 6000) }, "wrong", /6 s ahead/],
    ["timesyncd set it", NOON, setAt(NOON - 30_000), "synced", "timesyncd"],
    ["timesyncd set it before the boot", NOON, setAt(NOON - 90_000), "unsynced", /nobody/],
    ["timesyncd will have set it", NOON, setAt(NOON + 30_000), "unsynced", /nobody/],
    ["chrony follows a source", NOON, local({ chrony: millis(NOON - 30_000) }), "synced", "chrony"],
    ["an rtc shows the same", NOON, rtc(NOON + 1000), "synced", "rtc"],
    ["an rtc without a battery", NOON, rtc(0), "unsynced", /nobody/],
    [
      "later times have been",
      NOON,
      { remembered: NOON + 60_000, ...rtc(NOON) },
      "wrong",
      /2027-01-01T12:01:00Z has been before/,
    ],
    [
      "later times have been, but NTP knows better",
      NOON,
      { remembered: NOON * 2, ...setAt(NOON) },
      "synced",
      "timesyncd",
    ],
    [
      "later times have been, but the hub knows better",
      NOON,
      { remembered: NOON * 2, ...hub(NOON, 0) },
      "synced",
      "hub",
    ],
    ["it was confirmed before", NOON, { confirmed: "rtc" }, "synced", "rtc"],
  ] as const)("%s", ([, wall, more, trust, why], { expect }) => {
    const verdict = look(wall, more);
    expect(verdict.trust).toBe(trust);
    if (typeof why === "string") expect(verdict.by).toBe(why);
    else expect(verdict.reason).toMatch(why);
  });

  /** Looks again and again, and says what was found. */
  const follow = (start: ClockModel, steps: readonly [ClockReading, Partial<ClockModel>?][]): string[] => {
    let model = start;
    return steps.map(([reading, news = {}]) => {
      // As it is done: the clock is looked at before news of it are taken.
      const [seen] = lookAtClock(model, reading);
      const [next, verdict] = lookAtClock({ ...seen, ...news }, reading);
      model = next;
      return verdict.by ?? verdict.trust;
    });
  };

  test("takes a witness's word for as long as nobody sets the clock", ({ expect }) => {
    const found = follow(fresh(NOON), [
      [at(NOON), setAt(NOON - 1000)],
      // The file is gone, and the clock drifts by a second.
      [at(NOON + days(30) + 1000, BOOTTIME + days(30)), local({})],
      [at(NOON + days(30) + 61_000, BOOTTIME + days(30) + 10_000)],
    ]);
    expect(found).toEqual(["timesyncd", "timesyncd", "unsynced"]);
  });

  test("does not take an old word for a clock that was set since, forwards or back", ({ expect }) => {
    for (const jump of [minutes(10), days(400)]) {
      const later = NOON + days(1) + jump;
      const found = follow(fresh(NOON), [
        [at(NOON), setAt(NOON - 1000)],
        [at(later, BOOTTIME + days(1))],
        [at(later + days(900), BOOTTIME + days(901))],
      ]);
      expect(found).toEqual(["timesyncd", "unsynced", "unsynced"]);
    }
    // The time when it was set, by the clock as it is now, comes to lie behind the jump.
    const back = follow(fresh(NOON), [
      [at(NOON), setAt(NOON - 1000)],
      [at(NOON + 60_000 - 600_000, BOOTTIME + 60_000)],
      [at(NOON + days(2) - 600_000, BOOTTIME + days(2))],
      [at(NOON + days(3), BOOTTIME + days(3)), setAt(NOON + days(3) - 500)],
    ]);
    expect(back).toEqual(["timesyncd", "wrong", "unsynced", "timesyncd"]);
  });

  test("compares with what the hub said before: a clock that is set right is confirmed at once", ({ expect }) => {
    const found = follow(fresh(0), [
      [at(0), hub(0, NOON)],
      [at(NOON + 1000, BOOTTIME + 1000)],
      [at(NOON + days(100), BOOTTIME + 2000)],
      [at(2000, BOOTTIME + 2000)],
      [at(NOON + 3000, BOOTTIME + 3000)],
    ]);
    expect(found).toEqual(["wrong", "hub", "wrong", "wrong", "hub"]);
  });

  test("lets the hub's word fade: a clock that ran on is trusted, one that was set meanwhile is not", ({ expect }) => {
    const later = (offset: number): [ClockReading] => [at(NOON + days(2) + offset, BOOTTIME + days(2))];
    expect(follow(fresh(NOON), [[at(NOON), hub(NOON, 0)], later(0)])).toEqual(["hub", "hub"]);
    expect(follow(fresh(NOON), [[at(NOON), hub(NOON, 0)], later(60_000)])).toEqual(["hub", "unsynced"]);
  });

  test("takes no step for a jump that a clock which is slewed makes between two looks", ({ expect }) => {
    const found = follow(fresh(NOON), [
      [at(NOON), setAt(NOON - 1000)],
      [at(NOON + 11_000, BOOTTIME + 10_000)],
      [at(NOON + 22_000, BOOTTIME + 20_000)],
      [at(NOON + 33_000, BOOTTIME + 30_000)],
    ]);
    expect(found).toEqual(["timesyncd", "timesyncd", "timesyncd", "timesyncd"]);
  });
});
