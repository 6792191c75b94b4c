import { describe, test } from "vitest";
import { millis } from "../domain/units.ts";
import { judgeTurn } from "./judge-turn.ts";

const MS = 1_000_000n;
const facts = { turn: 7, deadline: millis(100), now: 1000n * MS, startedAt: 900n * MS, current: 7 };

describe("judgeTurn()", () => {
  test("stops the worker when the turn's own code runs past its deadline", ({ expect }) => {
    expect(judgeTurn(facts)).toEqual({ kind: "stop-worker" });
  });

  test("discards the instance when nothing runs, or another turn does", ({ expect }) => {
    expect(judgeTurn({ ...facts, current: 0 })).toEqual({ kind: "discard-instance" });
    expect(judgeTurn({ ...facts, current: 8 })).toEqual({ kind: "discard-instance" });
  });

  test("waits for what is left since the turn began", ({ expect }) => {
    expect(judgeTurn({ ...facts, startedAt: 970n * MS })).toEqual({ kind: "wait", duration: 70 });
    expect(judgeTurn({ ...facts, startedAt: 900n * MS + 1n })).toEqual({ kind: "wait", duration: 1 });
  });

  test("never blames a turn that has not begun", ({ expect }) => {
    expect(judgeTurn({ ...facts, startedAt: undefined })).toEqual({ kind: "wait", duration: 25 });
    expect(judgeTurn({ ...facts, startedAt: undefined, deadline: millis(5) })).toEqual({ kind: "wait", duration: 5 });
  });
});
