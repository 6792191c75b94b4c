import { describe, test } from "vitest";
import { createFakeClock, type FakeClock } from "../../../test/support/fake-clock.ts";
import { createLineLog } from "../../../test/support/store.ts";
import type { ClockTrust } from "../../domain/clock.ts";
import { days, millis, minutes, seconds } from "../../domain/units.ts";
import { createClockSync, type ClockMemory, type ClockSync } from "./clock-sync.ts";
import type { HubTime, LocalWitnesses } from "./verdict.ts";

const NOON = Date.UTC(2027, 0, 1, 12);

interface Rig {
  readonly clock: FakeClock;
  readonly sync: ClockSync;
  readonly memory: ClockMemory & { text: string | undefined; saves: number };
  readonly witnesses: { -readonly [K in keyof LocalWitnesses]: LocalWitnesses[K] };
  readonly changes: ClockTrust[];
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  readonly hubSays: (wall: number) => void;
}

function rig(
  wall: number,
  {
    text,
    bootId = "boot",
    policy = "auto",
  }: {
    text?: string | undefined;
    bootId?: string;
    policy?: "auto" | "trusted";
  } = {},
): Rig {
  const clock = createFakeClock(wall);
  const { log, lines } = createLineLog();
  const witnesses: Rig["witnesses"] = {};
  const memory: Rig["memory"] = {
    text,
    saves: 0,
    load: async () => memory.text,
    save: async (next) => {
      memory.text = next;
      memory.saves += 1;
    },
  };
  const released = Date.UTC(2026, 10, 1);
  const sync = createClockSync({ policy, released, bootId, witnesses: async () => ({ ...witnesses }), clock, log });
  const changes: ClockTrust[] = [];
  sync.onChange((trust) => changes.push(trust));
  const hubSays = (time: number): void => {
    const hub: HubTime = { offset: millis(time - clock.boottime()), error: millis(10), asked: clock.boottime() };
    sync.hear(hub);
  };
  return { clock, sync, memory, witnesses, changes, lines, hubSays };
}

describe("createClockSync()", () => {
  test("trusts nothing before it knows what was, except by configuration", async ({ expect }) => {
    const { sync, memory } = rig(NOON);
    expect(sync.trust()).toBe("unsynced");
    expect(sync.status()).toMatchObject({ state: "unsynced", reason: "the agent is starting" });
    await sync.remember(memory);
    await sync[Symbol.asyncDispose]();
    const trusting = rig(0, { policy: "trusted" });
    expect(trusting.sync.trust()).toBe("synced");
    await trusting.sync.remember(trusting.memory);
    expect(trusting.sync.status()).toMatchObject({ state: "synced", by: "configuration" });
    await trusting.sync[Symbol.asyncDispose]();
    // A person's word is nothing to go by in the next boot.
    expect(trusting.memory.saves).toBe(0);
  });

  test("notices at the next question that the clock was set, and later that a service did it", async ({ expect }) => {
    const { clock, sync, memory, witnesses, changes, lines } = rig(0);
    await sync.remember(memory);
    expect(sync.trust()).toBe("wrong");
    clock.set(NOON);
    expect(sync.trust()).toBe("unsynced");
    witnesses.timesyncd = millis(NOON);
    await clock.advance(seconds(10));
    expect(sync.trust()).toBe("synced");
    expect(sync.status()).toMatchObject({ by: "timesyncd", reason: undefined, wall: NOON + 10_000 });
    expect(changes).toEqual(["wrong", "unsynced", "synced"]);
    expect(lines.map(({ msg, by, reason }) => [msg, by ?? reason])).toEqual([
      ["The clock cannot be trusted", "it shows 1970-01-01, before this release of 2026-11-01"],
      ["The clock cannot be trusted", "it jumped by 20820 days, and nobody has confirmed it since"],
      ["The clock is synced", "timesyncd"],
    ]);
    await sync[Symbol.asyncDispose]();
  });

  test("notices a jump by itself within a short time", async ({ expect }) => {
    const { clock, sync, memory, hubSays, changes } = rig(NOON);
    await sync.remember(memory);
    hubSays(NOON);
    clock.set(NOON + days(1000));
    await clock.advance(seconds(10));
    expect(changes).toEqual(["synced", "wrong"]);
    expect(sync.status()).toMatchObject({ state: "wrong", reason: "the hub's clock is 1000 days behind" });
    expect(sync.status().hubOffset).toBeCloseTo(-1000 * days(1), -2);
    await sync[Symbol.asyncDispose]();
  });

  test("writes down what time it is when it is confirmed, once an hour, and at the end", async ({ expect }) => {
    const { clock, sync, memory, hubSays } = rig(NOON);
    await sync.remember(memory);
    expect(memory.saves).toBe(0);
    hubSays(NOON);
    await clock.advance(minutes(59));
    expect(memory.saves).toBe(1);
    await clock.advance(minutes(2));
    expect(memory.saves).toBe(2);
    await sync[Symbol.asyncDispose]();
    expect(memory.saves).toBe(3);
    expect(JSON.parse(memory.text ?? "")).toMatchObject({ wall: NOON + minutes(61), boot: "boot", by: "hub" });
  });

  test("goes on with what an earlier process of the same boot knew, if nobody set the clock since", async ({
    expect,
  }) => {
    const kept = (distance: number): string =>
      JSON.stringify({ wall: NOON - 5000, boot: "boot", distance: NOON - 1000 + distance, by: "hub" });
    for (const [distance, bootId, trust] of [
      [10, "boot", "synced"],
      [60_000, "boot", "unsynced"],
      [10, "another boot", "unsynced"],
    ] as const) {
      const { sync, memory } = rig(NOON, { text: kept(distance), bootId });
      await sync.remember(memory);
      expect(sync.trust()).toBe(trust);
      await sync[Symbol.asyncDispose]();
      expect(memory.saves).toBe(trust === "synced" ? 1 : 0);
    }
  });

  test("knows an old time by what was written down, and takes nonsense for nothing", async ({ expect }) => {
    const text = JSON.stringify({ wall: NOON, boot: "earlier", distance: 0, by: "timesyncd" });
    const old = rig(NOON - days(2), { text });
    await old.sync.remember(old.memory);
    expect(old.sync.status().reason).toMatch(/2027-01-01T12:00:00Z has been before/);
    old.hubSays(NOON - days(2));
    expect(old.sync.trust()).toBe("synced");
    await old.sync[Symbol.asyncDispose]();
    // The hub knew better: what was remembered was the wrong time.
    expect(JSON.parse(old.memory.text ?? "")).toMatchObject({ wall: NOON - days(2) });
    for (const nonsense of ["", "{", "[]", '{"wall":"noon"}']) {
      const { sync, memory } = rig(NOON, { text: nonsense });
      await sync.remember(memory);
      expect(sync.trust()).toBe("unsynced");
      await sync[Symbol.asyncDispose]();
    }
  });
});
