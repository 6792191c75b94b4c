import { describe, test } from "vitest";
import { millis } from "../domain/units.ts";
import { CLOSE_GRACE, judgeClosing, type ClosingFacts } from "./judge-closing.ts";

const judge = (closingFor: number, more: Partial<ClosingFacts> = {}) =>
  judgeClosing({ closingFor: millis(closingFor), computing: false, blocked: false, ...more });

describe("judgeClosing()", () => {
  test("gives code that computes a short time, then ends the worker", ({ expect }) => {
    expect(judge(0, { computing: true })).toEqual({ kind: "wait", duration: CLOSE_GRACE });
    expect(judge(CLOSE_GRACE - 0.5, { computing: true })).toEqual({ kind: "wait", duration: 1 });
    expect(judge(CLOSE_GRACE, { computing: true })).toEqual({ kind: "stop-worker" });
  });

  test("lets a worker be that executes another one's code", ({ expect }) => {
    expect(judge(CLOSE_GRACE, { blocked: true })).toMatchObject({ kind: "wait" });
    expect(judge(60_000, { blocked: true })).toMatchObject({ kind: "wait" });
  });

  test("gives a worker that starts up more time, but not for ever", ({ expect }) => {
    expect(judge(5000)).toMatchObject({ kind: "wait" });
    expect(judge(10_000)).toEqual({ kind: "stop-worker" });
  });
});
