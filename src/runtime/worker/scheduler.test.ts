import { describe, test } from "vitest";
import { Scheduler, type Runnable, type TurnSource } from "./scheduler.ts";
import { PATIENCE, StackPool } from "./stack-pool.ts";

const MIB = 1024 ** 2;

/** A scheduler, and sources whose guests say when they are let in. */
function scheduling(maxTurns = 100) {
  const said: string[] = [];
  const time = { now: 0 };
  const stacks = new StackPool({ maxTurns, maxLost: 1000, stackSize: MIB, lost: new SharedArrayBuffer(4) });
  const scheduler = new Scheduler(
    stacks,
    () => time.now,
    () => void (said.at(-1) !== "flush" && said.push("flush")),
  );
  /** Each of its turns takes so long; undefined: it waits and never ends. */
  function source(name: string, turns: number, takes: number | undefined): TurnSource & { readonly guest: Runnable } {
    let left = turns;
    const one = {
      get ready() {
        return left > 0;
      },
      next: () => (left-- > 0 ? one.guest : undefined),
      get guest(): Runnable {
        const guest: Runnable = {
          source: one,
          enter: () => said.push(name),
          leave: () => {},
          run() {
            time.now += takes ?? 0;
            if (takes === undefined) scheduler.suspended(guest);
            else scheduler.ended(guest, true);
          },
        };
        return guest;
      },
    };
    scheduler.announce(one);
    return one;
  }
  const run = (): string => {
    said.length = 0;
    scheduler.enterLoop();
    scheduler.run();
    return said.join(" ");
  };
  return { scheduler, source, run, time, said };
}

describe("Scheduler", () => {
  test("lets guests of one source in together, and sends what they said before another one's begins", ({ expect }) => {
    const { source, run } = scheduling();
    source("a", 3, 0.01);
    source("b", 2, 0.01);
    expect(run()).toBe("flush a a a flush b b flush");
  });

  test("lets no source stay for long while others wait, and keeps nothing back for longer", ({ expect }) => {
    const { source, run } = scheduling();
    source("a", 5, 0.2);
    source("b", 2, 0.2);
    expect(run()).toBe("flush a a a flush b b flush a a flush");
    source("a", 5, 0.2);
    expect(run()).toBe("flush a a a flush a a flush");
  });

  test("sends what a guest said that waits before another one's goes on", ({ expect }) => {
    const { scheduler, source, run, said } = scheduling();
    const a = source("a", 1, undefined);
    const b = source("b", 1, undefined);
    expect(run()).toBe("flush a flush b flush");
    const [first, second] = [a.guest, b.guest];
    scheduler.resume(first, () => scheduler.suspended(first));
    scheduler.resume(second, () => scheduler.suspended(second));
    scheduler.resume(first, () => said.push("again"));
    expect(run()).toBe("flush a a again");
  });

  test("lets a source go on only as long as others do that have something to go on with", ({ expect }) => {
    const { scheduler, source, run, time } = scheduling();
    const { guest } = source("a", 1, undefined);
    run();
    const resume = () => {
      time.now += 1;
      scheduler.suspended(guest);
    };
    scheduler.resume(guest, resume);
    scheduler.resume(guest, resume);
    source("b", 1, 0.01);
    expect(run()).toBe("flush a flush b flush a flush");
  });

  test("lets the first guest of a source in however many turns of another one wait", ({ expect }) => {
    const { source, run, time } = scheduling(4);
    source("a", 40, undefined);
    expect(run()).toBe("flush a a a flush");
    time.now += PATIENCE;
    expect(run()).toBe("flush a flush");
    source("b", 2, 0.01);
    source("c", 2, undefined);
    time.now += PATIENCE;
    expect(run()).toBe("flush b b flush c flush");
    time.now += PATIENCE;
    expect(run()).toBe("flush");
  });

  test("gives stacks that come back to one source after the other", ({ expect }) => {
    const { scheduler, source, run } = scheduling(3);
    const { guest } = source("a", 40, undefined);
    expect(run()).toBe("flush a a a flush");
    source("b", 1, undefined);
    expect(run()).toBe("flush");
    const freed = (): string => {
      scheduler.ended(guest, true);
      return run();
    };
    expect([freed(), freed()]).toEqual(["flush a flush", "flush b flush"]);
  });
});
