import { describe, test } from "vitest";
import { createIo } from "./io.ts";

/** A clock that moves only while someone sleeps. */
function fakeTime() {
  let nanoseconds = 0n;
  const slept: number[] = [];
  const sleep = async (milliseconds: number): Promise<void> => {
    slept.push(milliseconds);
    nanoseconds += BigInt(milliseconds) * 1_000_000n;
  };
  return { now: () => nanoseconds, sleep, slept };
}

describe("createIo()", () => {
  test("block() waits until the instant, in whole milliseconds, and not at all for what is ready", async ({
    expect,
  }) => {
    const time = fakeTime();
    const { Pollable } = createIo(time, time.now);
    await new Pollable(undefined).block();
    expect(time.slept).toEqual([]);
    const later = new Pollable(1_500_000n);
    expect(later.ready()).toBe(false);
    await later.block();
    expect([later.ready(), time.slept]).toEqual([true, [2]]);
  });

  test("block() takes naps when a timer cannot wait that long", async ({ expect }) => {
    const time = fakeTime();
    const { Pollable } = createIo(time, time.now);
    await new Pollable(3_000_000_000n * 1_000_000n).block();
    expect(time.slept).toEqual([2_147_483_647, 852_516_353]);
  });

  test("poll() waits for the first and names all that are ready", async ({ expect }) => {
    const time = fakeTime();
    const { Pollable, poll } = createIo(time, time.now);
    const pollables = [5, 1, 1].map((milliseconds) => new Pollable(BigInt(milliseconds) * 1_000_000n));
    expect(await poll(pollables)).toEqual(Uint32Array.of(1, 2));
    expect(time.slept).toEqual([1]);
    await expect(poll([])).rejects.toThrow(/empty list/);
  });

  test("an output stream takes what check-write allows and no more", ({ expect }) => {
    const written: number[] = [];
    const { OutputStream } = createIo(fakeTime(), () => 0n);
    const stream = new OutputStream((bytes) => written.push(bytes.length)) as {
      checkWrite(): { val: bigint };
      write(bytes: Uint8Array): unknown;
      writeZeroes(length: bigint): unknown;
    };
    const budget = Number(stream.checkWrite().val);
    stream.write(new Uint8Array(budget));
    stream.writeZeroes(2n);
    expect(written).toEqual([budget, 2]);
    expect(() => stream.write(new Uint8Array(budget + 1))).toThrow(/exceeds/);
    expect(() => stream.writeZeroes(2n ** 40n)).toThrow(/exceeds/);
  });
});
