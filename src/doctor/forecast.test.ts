import { assert, float, nat, property } from "fast-check";
import { describe, test } from "vitest";
import { defaultLanePolicies } from "../domain/lane-policy.ts";
import { LANES, type Lane } from "../domain/outbox.ts";
import { mebibytes } from "../domain/units.ts";
import { forecast, formatAfter, type LaneLoad, type Outlook } from "./forecast.ts";

const DAY = 86_400_000;
const cap = mebibytes(100);
const policies = defaultLanePolicies(cap);

const load = (lane: Lane, rest: Partial<LaneLoad> = {}): LaneLoad => ({
  lane,
  policy: policies[lane],
  bytes: 0,
  oldestAge: undefined,
  rate: 0,
  size: 400,
  ...rest,
});

const outlook = (rest: Partial<Outlook> = {}): Outlook => ({
  window: 90 * DAY,
  now: 0,
  lanes: LANES.map((lane) => load(lane)),
  cap,
  free: undefined,
  expiries: [],
  hubSecrets: [],
  inboxAge: undefined,
  batteryClock: true,
  ...rest,
});

const losses = (look: Outlook): readonly (readonly [string, string])[] =>
  forecast(look)
    .filter(({ kind }) => kind === "loss")
    .map(({ after, what }) => [formatAfter(after), what.split(":")[0] ?? ""]);

describe("forecast()", () => {
  test("a device at rest loses nothing", ({ expect }) => {
    expect(losses(outlook())).toEqual([]);
  });

  test("says when a lane without a lifetime is full", ({ expect }) => {
    // 1 message a second of 400 bytes: 33 MiB a day.
    const lanes = [load("critical", { rate: 1 })];
    expect(losses(outlook({ lanes }))).toEqual([["in 3.0 d", "lane critical is full"]]);
  });

  test("a lane whose messages end before it is full loses those, not others", ({ expect }) => {
    const lanes = [load("standard", { rate: 0.01 })];
    expect(losses(outlook({ lanes }))).toEqual([
      ["in 7.0 d", "the oldest of lane standard have reached their lifetime and are given up"],
    ]);
  });

  test("critical takes room from standard, which is full sooner", ({ expect }) => {
    const standard = load("standard", { rate: 1 });
    const alone = losses(outlook({ lanes: [standard] }))[0];
    const beside = losses(outlook({ lanes: [load("critical", { rate: 1 }), standard] }))[0];
    expect([alone, beside]).toEqual([
      ["in 2.6 d", "lane standard is full"],
      ["in 36.4 h", "lane standard is full"],
    ]);
  });

  test("the disk may be full before the outbox is", ({ expect }) => {
    const lanes = [load("critical", { rate: 1 })];
    expect(losses(outlook({ lanes, free: mebibytes(10) }))[0]).toEqual([
      "in 7.3 h",
      "the disk is full before the outbox is",
    ]);
    expect(losses(outlook({ lanes, free: cap }))).toHaveLength(1);
  });

  test("what ends is told in the order of its end, and not without a clock", ({ expect }) => {
    const expiries = [
      { what: "the certificate", at: 40 * DAY },
      { what: "the credentials", at: 20 * DAY },
      { what: "the authority", at: 400 * DAY },
    ];
    const stops = (look: Outlook): string[] =>
      forecast(look)
        .filter(({ kind }) => kind === "stop")
        .map(({ what }) => what.split(" expire")[0] ?? "");
    expect(stops(outlook({ expiries }))).toEqual(["the credentials", "the certificate"]);
    expect(stops(outlook({ expiries, now: undefined }))).toEqual([]);
  });

  test("what a power cut brings stands at the end", ({ expect }) => {
    const events = forecast(outlook({ hubSecrets: ["mqtt"], batteryClock: false, inboxAge: DAY }));
    expect(events.map(({ after }) => after)).toEqual([DAY, 90 * DAY, "power-cut", "power-cut"]);
    expect(events[2]?.what).toBe("what needs the secret mqtt does not start: only the hub has it");
  });

  test("never tells of anything after the window, nor of a time before now", ({ expect }) => {
    const rates = float({ min: 0, max: 1000, noNaN: true });
    assert(
      property(rates, rates, nat({ max: 2 * cap }), nat({ max: 400 }), (critical, standard, held, window) => {
        const lanes = [
          load("critical", { rate: critical, bytes: held }),
          load("standard", { rate: standard, bytes: held }),
        ];
        for (const { after } of forecast(outlook({ lanes, window: window * DAY, free: held }))) {
          if (after === "power-cut") continue;
          expect(after).toBeGreaterThanOrEqual(0);
          expect(after).toBeLessThanOrEqual(window * DAY);
        }
      }),
    );
  });
});
