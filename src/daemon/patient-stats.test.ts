import { describe, test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import type { OutboxStats } from "../domain/outbox.ts";
import { bytes, millis } from "../domain/units.ts";
import { createPatientStats } from "./patient-stats.ts";

const statsOf = (lastSeq: number): OutboxStats => ({
  lanes: [],
  bytes: bytes(0),
  stored: bytes(0),
  cap: bytes(1),
  lastSeq,
  clock: "synced",
  store: { mode: "disk", reason: undefined, commits: 0, commitTime: undefined },
});

/** A store that answers when it is told to. */
function rig() {
  const clock = createFakeClock();
  const asked: PromiseWithResolvers<OutboxStats>[] = [];
  const stats = createPatientStats({
    outbox: {
      stats: () => {
        const answer = Promise.withResolvers<OutboxStats>();
        asked.push(answer);
        return answer.promise;
      },
    },
    clock,
    patience: millis(500),
  });
  const next = async (answer: number): Promise<number> => {
    const result = stats();
    asked.at(-1)?.resolve(statsOf(answer));
    return (await result).lastSeq;
  };
  return { clock, asked, stats, next };
}

describe("createPatientStats()", () => {
  test("gives what the store says, and leaves no timer behind", async ({ expect }) => {
    const { clock, next } = rig();
    expect(await next(1)).toBe(1);
    expect(await next(2)).toBe(2);
    expect(clock.sleeping).toBe(0);
  });

  test("gives what the store said last when it does not answer in time, and the late answer to the next call", async ({
    expect,
  }) => {
    const { clock, asked, stats, next } = rig();
    await next(1);
    const impatient = stats();
    await clock.advance(millis(500));
    expect((await impatient).lastSeq).toBe(1);
    asked.at(-1)?.resolve(statsOf(2));
    await clock.advance(millis(0));
    const later = stats();
    await clock.advance(millis(500));
    expect((await later).lastSeq).toBe(2);
  });

  test("waits for the first answer however long it takes", async ({ expect }) => {
    const { clock, asked, stats } = rig();
    const first = stats();
    await clock.advance(millis(60_000));
    asked[0]?.resolve(statsOf(7));
    expect((await first).lastSeq).toBe(7);
  });

  test("fails when the store does, and is not disturbed by a late failure", async ({ expect }) => {
    const { clock, asked, stats, next } = rig();
    await next(1);
    const failing = stats();
    asked.at(-1)?.reject(new Error("closed"));
    await expect(failing).rejects.toThrow("closed");
    const impatient = stats();
    await clock.advance(millis(500));
    asked.at(-1)?.reject(new Error("closed"));
    expect((await impatient).lastSeq).toBe(1);
  });
});
