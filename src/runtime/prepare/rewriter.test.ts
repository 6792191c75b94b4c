import { describe, test } from "vitest";
import { millis, seconds } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import { Rewriter, type RewriteSubject } from "./rewriter.ts";

const policy = { calls: 500, idle: seconds(2), patience: seconds(300), pause: seconds(30) };

/** A clock that goes on only when the test says so. */
function manualClock() {
  let now = 0;
  let tick: (() => void) | undefined;
  let slept: (() => void) | undefined;
  const clock: Clock = {
    wall: () => millis(now),
    monotonic: () => millis(now),
    boottime: () => millis(now),
    nanoseconds: () => BigInt(now) * 1_000_000n,
    sleep: (duration, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) reject(new Error("aborted"));
        signal?.addEventListener("abort", () => reject(new Error("aborted")));
        tick = () => {
          now += duration;
          resolve();
        };
        slept?.();
      }),
  };
  return {
    clock,
    /** Lets the sleeper wake, and waits until it sleeps again. */
    pass: async (times: number): Promise<void> => {
      for (let index = 0; index < times; index++) {
        const again = new Promise<void>((resolve) => {
          slept = resolve;
        });
        tick?.();
        await again;
      }
    },
  };
}

function createSubject(activity: { calls: number; pending: number }) {
  const rewrites: number[] = [];
  const subject: RewriteSubject = {
    activity: () => ({ ...activity }),
    rewrite: async (calls) => void rewrites.push(calls),
  };
  return { activity, subject, rewrites };
}

describe("Rewriter", () => {
  test("rewrites once, when enough calls were served and all has been quiet for a moment", async ({ expect }) => {
    const { clock, pass } = manualClock();
    await using rewriter = new Rewriter(clock, policy);
    const one = createSubject({ calls: 0, pending: 0 });
    const other = createSubject({ calls: 7, pending: 0 });
    rewriter.watch(one.subject, false);
    rewriter.watch(other.subject, false);
    await pass(5);
    one.activity.calls = 600;
    await pass(2);
    other.activity.pending = 1;
    await pass(3);
    expect(one.rewrites).toEqual([]);
    other.activity.pending = 0;
    await pass(1);
    expect(one.rewrites).toEqual([600]);
    one.activity.calls = 9000;
    await pass(100);
    expect(one.rewrites).toEqual([600]);
    expect(other.rewrites).toEqual([]);
  });

  test("leaves alone what needs no rewriting, and what is watched no more", async ({ expect }) => {
    const { clock, pass } = manualClock();
    await using rewriter = new Rewriter(clock, policy);
    const done = createSubject({ calls: 600, pending: 0 });
    const gone = createSubject({ calls: 600, pending: 0 });
    const kept = createSubject({ calls: 0, pending: 0 });
    rewriter.watch(done.subject, true);
    rewriter.watch(kept.subject, false);
    rewriter.watch(gone.subject, false)[Symbol.dispose]();
    await pass(50);
    expect([...done.rewrites, ...gone.rewrites, ...kept.rewrites]).toEqual([]);
  });
});
