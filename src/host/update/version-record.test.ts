import { anything, array, assert, json, property, string } from "fast-check";
import { describe, test } from "vitest";
import {
  admit,
  formatRecords,
  NOTHING_KNOWN,
  parseRecords,
  trialBegun,
  trialPaused,
  versionAccepted,
  versionFailed,
  versionForgiven,
} from "./version-record.ts";

const failed = (digest: string) => ({ digest, code: "ERR_UPDATE_FAILED", message: "it trapped", at: 1 });

describe("version records", () => {
  test("admit() counts the trials that ended without a word, and not the others", ({ expect }) => {
    const once = trialBegun(versionAccepted(NOTHING_KNOWN, "a"), "b");
    expect(once).toMatchObject({ accepted: "a", trial: { digest: "b", crashes: 1 } });
    expect(admit(trialPaused(once), "b", 1)).toEqual({ kind: "try" });
    expect(admit(once, "b", 1)).toEqual({ kind: "give-up", crashes: 1 });
    // Another version starts from nothing.
    expect(admit(once, "c", 1)).toEqual({ kind: "try" });
    expect(trialBegun(once, "c").trial).toEqual({ digest: "c", crashes: 1 });
  });

  test("admit() refuses what failed, until it is forgiven", ({ expect }) => {
    const record = versionFailed(versionFailed(NOTHING_KNOWN, failed("b")), failed("c"));
    expect(admit(record, "b", 3)).toEqual({ kind: "refuse", bad: failed("b") });
    expect(admit(versionForgiven(record, "b"), "b", 3).kind).toBe("try");
    expect(admit(versionForgiven(record, "b"), "c", 3).kind).toBe("refuse");
    expect(versionForgiven(record, undefined).bad).toEqual([]);
  });

  test("have a bound: the oldest failures are forgotten, long reasons are cut", ({ expect }) => {
    let record = NOTHING_KNOWN;
    for (let i = 0; i < 100; i++) record = versionFailed(record, { ...failed(`d${i}`), message: "x".repeat(10_000) });
    expect(record.bad).toHaveLength(16);
    expect(record.bad.at(-1)?.digest).toBe("d99");
    expect(record.bad[0]?.message).toHaveLength(500);
  });

  test("come back as they were written", ({ expect }) => {
    const record = versionFailed(versionAccepted(NOTHING_KNOWN, "a"), failed("b"));
    const records = new Map([
      ["app", trialBegun(record, "c")],
      ["__proto__", NOTHING_KNOWN],
    ]);
    expect(parseRecords(formatRecords(records))).toEqual(records);
  });

  test("parseRecords() takes no text for one that is none, and throws nothing", ({ expect }) => {
    expect(parseRecords('{"version":2,"components":{}}')).toBeUndefined();
    expect(parseRecords('{"version":1,"components":{"a":{"bad":[{}]}}}')).toBeUndefined();
    assert(
      property(json(), string(), array(anything()), (text, other, list) => {
        parseRecords(text);
        parseRecords(other);
        parseRecords(JSON.stringify({ version: 1, components: list }) ?? "");
      }),
    );
  });
});
