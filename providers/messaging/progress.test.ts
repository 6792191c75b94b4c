import { describe, test } from "vitest";
import { mebibytes } from "../../src/domain/units.ts";
import { createMemoryStore } from "../keyvalue/memory-store.ts";
import { openProgress } from "./progress.ts";

const STREAM = { stream: "S", consumer: "c", created: "2024", ordered: true };
const at = (seq: number, time = seq) => ({ seq, time: BigInt(time) });

describe("openProgress()", () => {
  test("remembers over restarts how far it got, and what failed", async ({ expect }) => {
    const store = createMemoryStore(mebibytes(1));
    const first = await openProgress(store, STREAM);
    expect(first.isSettled(at(1))).toBe(false);
    await first.settle(at(3));
    expect([await first.fail(4), await first.fail(4)]).toEqual([1, 2]);
    const second = await openProgress(store, STREAM);
    expect([second.failuresOf(4), second.last(), second.isSettled(at(2))]).toEqual([2, at(3), true]);
    await second.settle(at(4));
    const third = await openProgress(store, STREAM);
    expect([third.failuresOf(4), third.last()]).toEqual([0, at(4)]);
  });

  test("knows a message of a hub that gave its sequence out again from one that it has seen", async ({ expect }) => {
    const progress = await openProgress(createMemoryStore(mebibytes(1)), STREAM);
    await progress.settle(at(5, 50));
    expect([progress.isSettled(at(5, 50)), progress.isSettled(at(5, 60))]).toEqual([true, false]);
  });

  test("begins anew with a stream that was made anew, and where what is stored is of another kind", async ({
    expect,
  }) => {
    const store = createMemoryStore(mebibytes(1));
    const progress = await openProgress(store, STREAM);
    await progress.settle(at(5));
    await progress.save();
    expect((await openProgress(store, { ...STREAM, created: "2025" })).last()).toBeUndefined();
    await store.set("petiole messaging", "S/c", Buffer.from("{"));
    expect((await openProgress(store, STREAM)).last()).toBeUndefined();
  });

  test("without an order, knows the messages one by one", async ({ expect }) => {
    const progress = await openProgress(createMemoryStore(mebibytes(1)), { ...STREAM, ordered: false });
    await progress.settle(at(5));
    expect([progress.isSettled(at(5)), progress.isSettled(at(4)), progress.last()]).toEqual([true, false, undefined]);
    for (let seq = 6; seq < 1010; seq += 1) await progress.settle(at(seq));
    expect([progress.isSettled(at(5)), progress.isSettled(at(1009))]).toEqual([false, true]);
  });

  test("remembers the failures of the newest messages only", async ({ expect }) => {
    const progress = await openProgress(createMemoryStore(mebibytes(1)), STREAM);
    for (let seq = 1; seq <= 65; seq += 1) await progress.fail(seq);
    expect([progress.failuresOf(1), progress.failuresOf(2), progress.failuresOf(65)]).toEqual([0, 1, 1]);
  });
});
