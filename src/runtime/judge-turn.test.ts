import { describe, test } from "vitest";
import { millis } from "../domain/units.ts";
import { judgeTurn, type TurnFacts } from "./judge-turn.ts";

const facts = (more: Partial<TurnFacts>): TurnFacts => ({
  deadline: millis(2000),
  elapsed: millis(0),
  computing: false,
  blocked: false,
  answered: false,
  heldOff: millis(0),
  expiredFor: undefined,
  ...more,
});

describe("judgeTurn()", () => {
  test("waits for the rest of a turn's time", ({ expect }) => {
    expect(judgeTurn(facts({ elapsed: millis(1500) }))).toEqual({ kind: "wait", duration: 500 });
    expect(judgeTurn(facts({ elapsed: millis(1999.5), computing: true }))).toEqual({ kind: "wait", duration: 1 });
  });

  test("ends the worker when the turn's own code has it", ({ expect }) => {
    expect(judgeTurn(facts({ elapsed: millis(2000), computing: true }))).toEqual({ kind: "stop-worker" });
  });

  test("ends only the instance when it waits, also for another one's code", ({ expect }) => {
    expect(judgeTurn(facts({ elapsed: millis(2000) }))).toEqual({ kind: "expire" });
    expect(judgeTurn(facts({ elapsed: millis(2000), blocked: true }))).toEqual({ kind: "expire" });
  });

  test("blames nobody for the time that another one's code holds it off", ({ expect }) => {
    const late = facts({ elapsed: millis(2100), answered: true });
    expect(judgeTurn({ ...late, blocked: true })).toEqual({ kind: "wait", duration: 25 });
    expect(judgeTurn({ ...late, heldOff: millis(300) })).toEqual({ kind: "wait", duration: 200 });
    expect(judgeTurn({ ...late, heldOff: millis(300), computing: true })).toEqual({ kind: "wait", duration: 200 });
    expect(judgeTurn({ ...late, elapsed: millis(2300), heldOff: millis(300) })).toEqual({ kind: "expire" });
  });

  test("ends a worker that does not get around to ending the instance, unless another one's code keeps it", ({
    expect,
  }) => {
    const told = (expiredFor: number, more: Partial<TurnFacts> = {}) =>
      judgeTurn(facts({ elapsed: millis(9000), expiredFor: millis(expiredFor), ...more }));
    expect(told(400)).toEqual({ kind: "wait", duration: 1600 });
    expect(told(2000)).toEqual({ kind: "stop-worker" });
    expect(told(2000, { blocked: true })).toMatchObject({ kind: "wait" });
    expect(told(400, { computing: true })).toEqual({ kind: "stop-worker" });
  });

  test("gives a worker a second to answer, however short the deadline", ({ expect }) => {
    const short = { deadline: millis(5), elapsed: millis(50) };
    expect(judgeTurn(facts({ ...short, expiredFor: millis(45) }))).toEqual({ kind: "wait", duration: 955 });
    expect(judgeTurn(facts({ ...short, expiredFor: millis(1000) }))).toEqual({ kind: "stop-worker" });
  });
});
