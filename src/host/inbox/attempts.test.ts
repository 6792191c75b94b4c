import { describe, test } from "vitest";
import { MessageDeferred, MessageRejected, PetioleError, WitError } from "../../domain/errors.ts";
import { millis } from "../../domain/units.ts";
import { INTERRUPTED, judgeFailure, noteAfterCrash } from "./attempts.ts";
import { FRESH } from "./record.ts";

const limits = { maxAttempts: 3, backoff: { initial: millis(1000), max: millis(60_000), random: () => 0.999 } };
const begun = { ...FRESH, begun: true };

describe("judgeFailure()", () => {
  test("counts what the component answered, and waits longer each time", ({ expect }) => {
    const first = judgeFailure(begun, new WitError("no such lamp"), limits);
    expect(first.note).toEqual({
      failures: 1,
      begun: false,
      reason: expect.stringContaining("no such lamp"),
      dead: false,
    });
    const second = judgeFailure(
      { ...first.note, begun: true },
      new PetioleError("ERR_COMPONENT_TRAP", "it trapped"),
      limits,
    );
    expect(second.note).toMatchObject({ failures: 2, reason: "ERR_COMPONENT_TRAP: it trapped" });
    expect(second.delay).toBeGreaterThan(first.delay ?? Infinity);
  });

  test("gives up at the limit", ({ expect }) => {
    const verdict = judgeFailure({ ...begun, failures: 2 }, new Error("again"), limits);
    expect(verdict).toEqual({ note: { failures: 3, begun: false, reason: "again", dead: true }, delay: undefined });
  });

  test.for(["ERR_COMPONENT_STOPPED", "ERR_COMPONENT_BUSY"] as const)(
    "%s is not the message's fault",
    (code, { expect }) => {
      const verdict = judgeFailure({ ...begun, failures: 2 }, new PetioleError(code, "later"), limits);
      expect(verdict.note).toMatchObject({ failures: 2, dead: false });
      expect(verdict.delay).toBeGreaterThan(0);
    },
  );
});

describe("judgeFailure() of what a handler says about a message", () => {
  test("costs no attempt when it is deferred", ({ expect }) => {
    const verdict = judgeFailure({ ...begun, failures: 2 }, new MessageDeferred("broker gone"), limits);
    expect(verdict.note).toEqual({ failures: 2, begun: false, reason: "broker gone", dead: false });
    expect(verdict.delay).toBeGreaterThan(0);
  });

  test("gives up at once", ({ expect }) => {
    const verdict = judgeFailure(begun, new MessageRejected("no number"), limits);
    expect(verdict).toEqual({ note: { failures: 1, begun: false, reason: "no number", dead: true }, delay: undefined });
  });
});

describe("noteAfterCrash()", () => {
  test("an attempt without an end counts as a failure", ({ expect }) => {
    expect(noteAfterCrash({ ...begun, failures: 1 })).toEqual({
      failures: 2,
      begun: false,
      reason: INTERRUPTED,
      dead: false,
    });
  });

  test("what was not begun or is given up stays as it is", ({ expect }) => {
    expect(noteAfterCrash(FRESH)).toEqual(FRESH);
    const dead = { failures: 3, begun: true, reason: "x", dead: true };
    expect(noteAfterCrash(dead)).toEqual(dead);
  });
});
