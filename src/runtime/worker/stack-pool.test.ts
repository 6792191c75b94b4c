import { describe, test } from "vitest";
import { StackPool } from "./stack-pool.ts";

// Of one MiB each, V8 keeps three: with their guard pages four do not fit in 4 MiB.
const bounds = (maxTurns: number, maxLost: number) => ({
  maxTurns,
  maxLost,
  stackSize: 1024 ** 2,
  lost: new SharedArrayBuffer(4),
});
const lostOf = ({ lost }: { readonly lost: SharedArrayBuffer }): number => new Int32Array(lost)[0] ?? 0;

function takeAll(pool: StackPool): number {
  let taken = 0;
  for (; pool.available; taken++) pool.take();
  return taken;
}

describe("StackPool", () => {
  test("bounds the turns that have begun", ({ expect }) => {
    const pool = new StackPool(bounds(5, 100));
    expect(takeAll(pool)).toBe(5);
    pool.giveBack();
    expect(takeAll(pool)).toBe(1);
  });

  test("loses nothing as long as no more are used than V8 keeps", ({ expect }) => {
    const given = bounds(3, 100);
    const pool = new StackPool(given);
    for (let round = 0; round < 1000; round++) {
      takeAll(pool);
      for (let turn = 0; turn < 3; turn++) pool.giveBack();
    }
    expect(lostOf(given)).toBe(0);
  });

  test("keeps to what V8 keeps once enough was lost, for all workers together", ({ expect }) => {
    const given = bounds(10, 20);
    const pool = new StackPool(given);
    const rounds: number[] = [];
    for (let round = 0; round < 5; round++) {
      const taken = takeAll(pool);
      rounds.push(taken);
      for (let turn = 0; turn < taken; turn++) pool.giveBack();
    }
    expect(rounds).toEqual([10, 10, 10, 3, 3]);
    expect(lostOf(given)).toBe(21);
    expect(takeAll(new StackPool(given))).toBe(3);
  });

  test("counts stacks that are suspended for ever as lost", ({ expect }) => {
    const given = bounds(2, 100);
    const pool = new StackPool(given);
    takeAll(pool);
    pool.lose();
    expect(lostOf(given)).toBe(1);
    expect(takeAll(pool)).toBe(1);
  });
});
