// Contract: a device whose clock is wrong, is set, jumps or is not set over reboots loses nothing by it: what it cannot
// tell the age of does not expire, and a time that becomes known sets the stamps of its boot right. The store is real;
// the device's clocks and boots are the test's.

import { describe, test } from "vitest";
import { openStore, type Store } from "../../../src/adapters/store/index.ts";
import type { ClockTrust } from "../../../src/domain/clock.ts";
import { LANES, type Lane, type OutboxRow } from "../../../src/domain/outbox.ts";
import { days, kibibytes, mebibytes, millis, minutes, seconds, type Millis } from "../../../src/domain/units.ts";
import { systemClock, type Clock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { laneOf, message, textOf } from "../../conformance/outbox.ts";
import { createStoreFolder } from "../../support/store.ts";

const NOON = Date.UTC(2027, 0, 1, 12);
const TTL = minutes(60);
const WINDOW = { rows: 1000, bytes: kibibytes(1024) };

interface Device extends AsyncDisposable {
  /** The wall clock, and what is known of it. */
  set(wall: number, trust: ClockTrust): void;
  pass(duration: Millis): void;
  /** Another boot; its clock shows `wall`. */
  reboot(wall: number, trust: ClockTrust): Promise<void>;
  /** The agent alone begins anew. */
  restart(trust: ClockTrust): Promise<void>;
  readonly store: Store;
  publish(lane: Lane, text: string): Promise<void>;
  /** `text wall clock` of each row of a lane; the clock by its first letter. */
  read(lane: Lane): Promise<string[]>;
  /** What the ledger has as expired. */
  expired(): Promise<number>;
}

/** `standard` messages are written at once with `commit`, else they stay in memory until there is a flush. */
async function startDevice(wall: number, trust: ClockTrust, commit = millis(1)): Promise<Device> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await createStoreFolder());
  let distance = wall - 1000;
  let boottime = 1000;
  let known = trust;
  let boots = 1;
  const clock: Clock = {
    ...systemClock,
    wall: () => millis(distance + boottime),
    boottime: () => millis(boottime),
  };
  const lanes = {
    critical: { ttl: TTL },
    standard: { ttl: TTL, commitInterval: commit },
    latest: { ttl: TTL, commitInterval: millis(1) },
    ephemeral: { ttl: TTL },
  };
  const open = (): Promise<Store> =>
    openStore({
      dir: folder.dir,
      log: silentLogger,
      clock,
      outbox: { maxBytes: mebibytes(16), lanes },
      clockTrust: () => known,
      bootId: `boot-${boots}`,
    });
  let store = await open();
  const end = async (): Promise<void> => {
    await store[Symbol.asyncDispose]();
  };
  const stamp = ({ wall: at, clock: state, ...row }: OutboxRow): string => {
    const time = at > NOON - days(1) ? `noon${at < NOON ? "" : "+"}${(at - NOON) / 1000}s` : `1970+${at / 1000}s`;
    return `${textOf({ wall: at, clock: state, ...row })} ${time} ${state}`;
  };
  stack.defer(() => store[Symbol.asyncDispose]());
  const kept = stack.move();
  return {
    set: (to, next) => {
      distance = to - boottime;
      known = next;
    },
    pass: (duration) => {
      boottime += duration;
    },
    reboot: async (to, next) => {
      await end();
      boots += 1;
      boottime = 1000;
      distance = to - boottime;
      known = next;
      store = await open();
    },
    restart: async (next) => {
      await end();
      known = next;
      store = await open();
    },
    get store() {
      return store;
    },
    publish: async (lane, text) => void (await store.outbox.publish(message(lane, text, `readings.${text}`))),
    read: async (lane) => (await store.outbox.read(lane, 0, WINDOW)).map(stamp),
    expired: async () => {
      await store.flush();
      const entries = await store.outbox.ledger();
      return entries.filter(({ reason }) => reason === "expired").reduce((sum, { count }) => sum + count, 0);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

describe("openStore() on a device without a battery-backed clock", () => {
  test.for(LANES)("sets the stamps of %s right once the clock is set, and only then", async (lane, { expect }) => {
    await using device = await startDevice(0, "wrong", lane === "standard" ? minutes(60) : millis(1));
    await device.publish(lane, "a");
    device.pass(seconds(10));
    await device.publish(lane, "b");
    expect(await device.read(lane)).toEqual(["a 1970+0s unsynced", "b 1970+10s unsynced"]);
    expect(await device.store.outbox.stats()).toMatchObject({ clock: "unsynced" });
    device.pass(seconds(10));
    // Set, but nobody says that it is right.
    device.set(NOON, "unsynced");
    expect(await device.read(lane)).toEqual(["a 1970+0s unsynced", "b 1970+10s unsynced"]);
    device.set(NOON, "synced");
    expect(await device.read(lane)).toEqual(["a noon-20s synced", "b noon-10s synced"]);
    expect(laneOf(await device.store.outbox.stats(), lane)).toMatchObject({ oldest: NOON - 20_000, oldestAge: 20_000 });
  });

  test.for(LANES)("lets %s expire by the time since boot, whatever the clock shows", async (lane, { expect }) => {
    await using device = await startDevice(0, "wrong", lane === "standard" ? minutes(60) : millis(1));
    await device.publish(lane, "old");
    device.pass(minutes(59));
    for (const wall of [NOON, NOON + days(4000), 0, NOON - days(4000)]) {
      for (const trust of ["synced", "unsynced", "wrong"] as const) {
        device.set(wall, trust);
        expect(await device.store.outbox.read(lane, 0, WINDOW)).toHaveLength(1);
        // A commit looks for expired rows too.
        await device.store.state.save("something", `${wall} ${trust}`);
      }
    }
    expect(await device.expired()).toBe(0);
    // For `standard`: to disk, where a read drops it.
    await device.store.flush();
    device.pass(minutes(2));
    expect(await device.read(lane)).toEqual([]);
    expect(await device.expired()).toBe(1);
  });

  test.for(["critical", "standard", "latest"] as const)(
    "keeps %s of a boot whose clock was never set for ever",
    async (lane, { expect }) => {
      await using device = await startDevice(0, "wrong");
      await device.publish(lane, "a");
      await device.store.flush();
      for (const [wall, trust] of [
        [0, "wrong"],
        [NOON, "unsynced"],
        [NOON, "synced"],
        [NOON + days(4000), "synced"],
      ] as const) {
        await device.reboot(wall, trust);
        expect(await device.read(lane)).toEqual(["a 1970+0s unsynced"]);
        expect(laneOf(await device.store.outbox.stats(), lane).oldestAge).toBe(undefined);
      }
      expect(await device.expired()).toBe(0);
    },
  );

  test.for(["critical", "standard", "latest"] as const)(
    "lets %s expire after a reboot only when both clocks are known",
    async (lane, { expect }) => {
      await using device = await startDevice(0, "wrong");
      await device.publish(lane, "a");
      device.pass(seconds(5));
      device.set(NOON + 5000, "synced");
      await device.publish("critical", "brings the offset to disk");
      await device.store.flush();
      // In the next boot the clock comes from 1970, then from the future, and nobody confirms it.
      await device.reboot(0, "wrong");
      const [first] = await device.read(lane);
      expect(first).toBe("a noon+0s synced");
      device.set(NOON + days(400), "unsynced");
      expect((await device.read(lane))[0]).toBe("a noon+0s synced");
      expect(await device.expired()).toBe(0);
      expect(laneOf(await device.store.outbox.stats(), lane).oldestAge).toBe(undefined);
      device.set(NOON + minutes(59), "synced");
      expect((await device.read(lane))[0]).toBe("a noon+0s synced");
      expect(laneOf(await device.store.outbox.stats(), lane).oldestAge).toBe(minutes(59));
      device.set(NOON + minutes(61), "synced");
      expect(await device.read(lane)).toEqual([]);
      expect(await device.expired()).toBeGreaterThan(0);
    },
  );

  test.for(LANES)(
    "keeps the stamps of %s when the clock jumps away, and when it was wrong before",
    async (lane, { expect }) => {
      await using device = await startDevice(NOON, "synced", lane === "standard" ? minutes(60) : millis(1));
      await device.publish(lane, "a");
      device.pass(seconds(1));
      for (const wall of [NOON + days(4000), 0, NOON - days(4000)]) {
        device.set(wall, wall === 0 ? "wrong" : "unsynced");
        expect((await device.read(lane))[0]).toBe("a noon+0s synced");
      }
      // What was believed turns out to be wrong: it is not told to the hub as a time to be trusted.
      device.set(NOON + 1000, "wrong");
      expect((await device.read(lane))[0]).toBe("a noon+0s unsynced");
      device.set(NOON + 61_000, "synced");
      expect((await device.read(lane))[0]).toBe("a noon+60s synced");
    },
  );

  test("remembers for the agent's next process what was known of the clock in this boot", async ({ expect }) => {
    await using device = await startDevice(NOON, "synced");
    for (const lane of ["critical", "standard", "latest"] as const) await device.publish(lane, lane);
    await device.store.flush();
    device.pass(seconds(1));
    device.set(0, "unsynced");
    await device.restart("unsynced");
    for (const lane of ["critical", "standard", "latest"] as const) {
      expect(await device.read(lane)).toEqual([`${lane} noon+0s synced`]);
    }
    await device.publish("ephemeral", "new");
    expect(await device.read("ephemeral")).toEqual(["new noon+1s synced"]);
  });

  test("loses nothing while the clock jumps by years again and again", async ({ expect }) => {
    await using device = await startDevice(0, "wrong");
    let sent = 0;
    for (let round = 0; round < 12; round += 1) {
      const trust = (["wrong", "synced", "unsynced"] as const)[round % 3] ?? "wrong";
      const wrongs = [0, NOON + days(3650), NOON - days(3650)];
      const wall = trust === "synced" ? NOON + round * 30_000 : (wrongs[round % 4] ?? NOON);
      if (round % 5 === 4) await device.reboot(wall, trust);
      else device.set(wall, trust);
      device.pass(seconds(30));
      for (const lane of ["critical", "standard"] as const) {
        await device.publish(lane, `${lane}-${round}`);
        sent += 1;
      }
    }
    await device.store.flush();
    const rows = [...(await device.read("critical")), ...(await device.read("standard"))];
    expect(rows).toHaveLength(sent);
    expect(await device.expired()).toBe(0);
  });
});
