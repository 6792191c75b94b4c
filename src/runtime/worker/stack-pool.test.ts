import { describe, test } from "vitest";
import { PATIENCE, StackPool } from "./stack-pool.ts";

// Of one MiB each, V8 keeps three: with their guard pages four do not fit in 4 MiB.
const bounds = (maxTurns: number, maxLost: number) => ({
  maxTurns,
  maxLost,
  stackSize: 1024 ** 2,
  lost: new SharedArrayBuffer(4),
});
const lostOf = ({ lost }: { readonly lost: SharedArrayBuffer }): number => new Int32Array(lost)[0] ?? 0;

/** How many can be had at that time. */
function takeAll(pool: StackPool, now: number): number {
  let taken = 0;
  for (; pool.wait(now, false) === 0; taken++) pool.take(now);
  return taken;
}

describe("StackPool", () => {
  test("gives as many as V8 keeps at once, and more when none comes back for a while", ({ expect }) => {
    const pool = new StackPool(bounds(5, 100));
    expect(takeAll(pool, 0)).toBe(3);
    expect(pool.wait(1, false)).toBe(PATIENCE - 1);
    pool.giveBack(2);
    expect(takeAll(pool, 2)).toBe(1);
    expect(pool.wait(3, false)).toBe(PATIENCE - 1);
    expect(takeAll(pool, 2 + PATIENCE)).toBe(2);
    expect(pool.wait(1000, false)).toBe(Infinity);
  });

  test("loses nothing as long as no more are used than V8 keeps", ({ expect }) => {
    const given = bounds(10, 100);
    const pool = new StackPool(given);
    for (let now = 0; now < 1000; now++) {
      const taken = takeAll(pool, now);
      expect(taken).toBe(3);
      for (let turn = 0; turn < taken; turn++) pool.giveBack(now);
    }
    expect(lostOf(given)).toBe(0);
  });

  test("refuses none to a component's first turn, which waits as long as calls may be held up", ({ expect }) => {
    const pool = new StackPool(bounds(5, 100));
    takeAll(pool, 0);
    expect(pool.wait(1, true)).toBe(PATIENCE - 1);
    takeAll(pool, PATIENCE);
    expect(pool.wait(PATIENCE, false)).toBe(Infinity);
    expect(pool.wait(PATIENCE, true)).toBe(0);
  });

  test("keeps some of what V8 keeps for first turns once enough was lost", ({ expect }) => {
    const pool = new StackPool(bounds(5, 0));
    expect(takeAll(pool, 0)).toBe(2);
    expect(pool.wait(0, true)).toBe(0);
    pool.take(0);
    expect(pool.wait(1000, true)).toBe(Infinity);
  });

  test("keeps to what V8 keeps once enough was lost, for all workers together", ({ expect }) => {
    const given = bounds(10, 20);
    const pool = new StackPool(given);
    const rounds: number[] = [];
    for (let round = 0; round < 5; round++) {
      const now = round * 100;
      const taken = takeAll(pool, now) + takeAll(pool, now + PATIENCE);
      rounds.push(taken);
      for (let turn = 0; turn < taken; turn++) pool.giveBack(now + PATIENCE);
    }
    expect(rounds).toEqual([10, 10, 10, 2, 2]);
    expect(lostOf(given)).toBe(21);
    expect(takeAll(new StackPool(given), 1000)).toBe(2);
  });

  test("counts stacks that are suspended for ever as lost", ({ expect }) => {
    const given = bounds(2, 100);
    const pool = new StackPool(given);
    takeAll(pool, 0);
    pool.lose(0);
    expect(lostOf(given)).toBe(1);
    expect(takeAll(pool, 0)).toBe(1);
  });
});
