import { describe, test } from "vitest";
import {
  PetioleError,
  WitError,
  mebibytes,
  millis,
  minutes,
  seconds,
  type KeyValueStore,
  type Millis,
} from "#provider";
import { createFakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { recordingLogger, startProvider } from "../../test/support/provider-rig.ts";
import { createMemoryStore } from "../keyvalue/memory-store.ts";
import { createTimerProvider } from "./index.ts";

const hours = (count: number): Millis => minutes(60 * count);
const START = Date.parse("2026-11-28T10:00:30Z");
const iso = (time: number): string => new Date(time).toISOString().slice(5, 19);

interface Firing {
  readonly name: string;
  readonly scheduledFor: { readonly seconds: bigint; readonly nanoseconds: number };
  readonly synced: boolean;
  readonly count: bigint;
  readonly missed: number;
  readonly attempt: number;
  readonly payload: string;
}

interface Setting {
  readonly clock?: FakeClock;
  readonly store?: KeyValueStore;
  readonly isTrusted?: () => boolean;
  readonly handle?: (firing: Firing) => unknown;
}

/** A timer `t`, and what the component was called with. */
async function open(timer: object, { clock = createFakeClock(START), store = createStore(), ...more }: Setting = {}) {
  const fired: Firing[] = [];
  const log = recordingLogger();
  const services = { keyValue: store, isClockTrusted: more.isTrusted ?? (() => true) };
  const rig = await startProvider(createTimerProvider, {}, { clock, log, services });
  const bind = () =>
    rig.bind({
      config: { timers: { t: timer } },
      log,
      handler: (_function, [firing]) => {
        fired.push(firing as Firing);
        return more.handle?.(firing as Firing);
      },
    });
  const link = await bind();
  return {
    clock,
    fired,
    log,
    bind,
    link,
    times: () => fired.map(({ scheduledFor }) => iso(Number(scheduledFor.seconds) * 1000)),
    /** Count and missed of each. */
    counts: () => fired.map(({ count, missed }) => [Number(count), missed]),
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await rig[Symbol.asyncDispose]();
    },
  };
}

const createStore = (): KeyValueStore => createMemoryStore(mebibytes(1));

describe("an interval", () => {
  test("fires by the monotonic clock, wherever the wall clock goes", async ({ expect }) => {
    await using rig = await open({ every: "10s", payload: "hello" });
    await rig.clock.advance(seconds(25));
    expect(rig.times()).toEqual(["11-28T10:00:40", "11-28T10:00:50"]);
    expect(rig.fired[0]).toMatchObject({ name: "t", synced: true, count: 1n, missed: 0, attempt: 1, payload: "hello" });
    rig.clock.set(0);
    await rig.clock.advance(seconds(10));
    expect(rig.times()[2]).toBe("01-01T00:00:05");
    rig.clock.set(START + hours(1000));
    await rig.clock.advance(seconds(20));
    expect(rig.counts().slice(2)).toEqual([
      [3, 0],
      [4, 0],
      [5, 0],
    ]);
  });

  test("goes on where it was after a restart, and knows what it missed", async ({ expect }) => {
    const store = createStore();
    {
      await using rig = await open({ every: "24h" }, { store });
      await rig.clock.advance(hours(20));
      expect(rig.fired).toEqual([]);
    }
    {
      await using rig = await open({ every: "24h" }, { store, clock: createFakeClock(START + hours(21)) });
      await rig.clock.advance(hours(3));
      expect(rig.counts()).toEqual([[1, 0]]);
    }
    await using rig = await open(
      { every: "24h", missed: "all" },
      { store, clock: createFakeClock(START + hours(100)) },
    );
    await rig.clock.advance(seconds(1));
    expect(rig.times()).toEqual(["11-30T10:00:30", "12-01T10:00:30", "12-02T10:00:30"]);
    await rig.clock.advance(hours(20));
    expect(rig.counts().at(-1)).toEqual([5, 0]);
  });

  test("runs without a clock that is right, and learns later what it missed", async ({ expect }) => {
    const store = createStore();
    await (await open({ every: "1m" }, { store }))[Symbol.asyncDispose]();
    let isTrusted = false;
    const clock = createFakeClock(0);
    await using rig = await open({ every: "1m" }, { store, clock, isTrusted: () => isTrusted });
    await rig.clock.advance(minutes(2));
    expect(rig.fired.map(({ synced }) => synced)).toEqual([false, false]);
    clock.set(START + minutes(12));
    isTrusted = true;
    await rig.clock.advance(minutes(1));
    // 10 minutes passed between the end of the first and the begin of this one.
    expect(rig.fired[2]).toMatchObject({ synced: true, missed: 10, count: 3n });
  });
});

describe("a cron expression", () => {
  test("fires when the wall clock shows the time, and is not repeated when that is set back a little", async ({
    expect,
  }) => {
    await using rig = await open({ cron: "*/5 * * * *", zone: "UTC" });
    await rig.clock.advance(minutes(10));
    expect(rig.times()).toEqual(["11-28T10:05:00", "11-28T10:10:00"]);
    rig.clock.set(START);
    await rig.clock.advance(minutes(10));
    expect(rig.fired).toHaveLength(2);
    await rig.clock.advance(minutes(5));
    expect(rig.times()[2]).toBe("11-28T10:15:00");
    // The clock was wrong before.
    rig.clock.set(START - hours(24));
    await rig.clock.advance(minutes(5));
    expect(rig.times()[3]).toBe("11-27T10:05:00");
  });

  test.for([
    [
      "skip",
      [
        [1, 0],
        [2, 5],
      ],
    ],
    [
      "once",
      [
        [1, 0],
        [2, 4],
        [3, 0],
      ],
    ],
    [
      "all",
      [
        [1, 0],
        [2, 3],
        [3, 0],
        [4, 0],
      ],
    ],
  ] as const)("missed while the power was off: %s", async ([missed, counts], { expect }) => {
    const store = createStore();
    const timer = { cron: "0 * * * *", zone: "UTC", missed, max_catch_up: 2 };
    {
      await using rig = await open(timer, { store });
      await rig.clock.advance(hours(1));
      expect(rig.times()).toEqual(["11-28T11:00:00"]);
    }
    const clock = createFakeClock(START + hours(6) + minutes(10));
    await using rig = await open(timer, { store, clock });
    await clock.advance(seconds(1));
    await clock.advance(hours(1));
    expect([[1, 0], ...rig.counts()]).toEqual(counts);
    expect(rig.times().at(-1)).toBe("11-28T17:00:00");
  });

  test("what was due less than a minute ago is not missed", async ({ expect }) => {
    const store = createStore();
    const timer = { cron: "0 * * * *", zone: "UTC" };
    await (await open(timer, { store }))[Symbol.asyncDispose]();
    await using rig = await open(timer, { store, clock: createFakeClock(START + hours(1)) });
    await rig.clock.advance(millis(1));
    expect(rig.counts()).toEqual([[1, 0]]);
  });

  test("another expression is another timer", async ({ expect }) => {
    const store = createStore();
    await (await open({ cron: "0 * * * *", missed: "once" }, { store }))[Symbol.asyncDispose]();
    const clock = createFakeClock(START + hours(3) + minutes(5));
    await using rig = await open({ cron: "30 * * * *", zone: "UTC", missed: "once" }, { store, clock });
    await clock.advance(minutes(1));
    expect(rig.fired).toEqual([]);
  });

  test("waits until the clock is right, unless it is told not to", async ({ expect }) => {
    let isTrusted = false;
    const clock = createFakeClock(0);
    const timer = { cron: "* * * * *", zone: "UTC" };
    await using waiting = await open(timer, { clock, isTrusted: () => isTrusted });
    await using firing = await open({ ...timer, unsynced_clock: "fire" }, { clock, isTrusted: () => isTrusted });
    await clock.advance(minutes(2));
    expect(waiting.fired).toEqual([]);
    expect(firing.times()).toEqual(["01-01T00:01:00", "01-01T00:02:00"]);
    clock.set(START);
    isTrusted = true;
    await clock.advance(seconds(31));
    expect(waiting.times()).toEqual(["11-28T10:01:00"]);
    expect(waiting.fired[0]?.synced).toBe(true);
  });
});

describe("a component that is slow, or fails", () => {
  test.for([
    [
      "skip",
      [
        [1, 0],
        [2, 2],
      ],
    ],
    [
      "once",
      [
        [1, 0],
        [2, 1],
        [3, 0],
      ],
    ],
    [
      "all",
      [
        [1, 0],
        [2, 0],
        [3, 0],
        [4, 0],
      ],
    ],
  ] as const)("what is due while it works: %s", async ([overlap, counts], { expect }) => {
    const work = Promise.withResolvers<void>();
    let running = 0;
    const handle = async ({ count }: Firing): Promise<void> => {
      running += 1;
      expect(running).toBe(1);
      if (count === 1n) await work.promise;
      running -= 1;
    };
    await using rig = await open({ every: "10s", overlap }, { handle });
    await rig.clock.advance(seconds(35));
    expect(rig.fired).toHaveLength(1);
    work.resolve();
    await rig.clock.advance(seconds(5));
    expect(rig.counts()).toEqual(counts);
  });

  test("is tried again as often as the configuration says, when that may help", async ({ expect }) => {
    const errors: (Error | undefined)[] = [
      new WitError({ tag: "retry", val: "not yet" }),
      new PetioleError("ERR_COMPONENT_BUSY", "too much to do"),
      undefined,
      new WitError({ tag: "reject", val: "never" }),
      new PetioleError("ERR_COMPONENT_TRAP", "unreachable"),
      new WitError({ tag: "retry", val: "1" }),
      new WitError({ tag: "retry", val: "2" }),
      new WitError({ tag: "retry", val: "3" }),
    ];
    const handle = (): void => {
      const error = errors.shift();
      if (error !== undefined) throw error;
    };
    await using rig = await open({ every: "1h", retry: { attempts: 3, initial: "1s", max: "1s" } }, { handle });
    await rig.clock.advance((hours(4) + 5000) as Millis);
    expect(rig.fired.map(({ count, attempt }) => [Number(count), attempt])).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 1],
      [3, 1],
      [4, 1],
      [4, 2],
      [4, 3],
    ]);
    const failed = rig.log.records.filter(({ level }) => level === "error");
    expect(failed.map(({ fields }) => [fields["count"], fields["attempt"]])).toEqual([
      [2, 1],
      [3, 1],
      [4, 3],
    ]);
  });

  test("the end of the link waits for it; what it did not finish is due again", async ({ expect }) => {
    const work = Promise.withResolvers<void>();
    let isFirst = true;
    const handle = async (): Promise<void> => {
      if (isFirst) await work.promise;
    };
    await using rig = await open({ cron: "* * * * *", zone: "UTC" }, { handle });
    await rig.clock.advance(seconds(30));
    let hasEnded = false;
    const ending = rig.link[Symbol.asyncDispose]().then(() => (hasEnded = true));
    await rig.clock.advance(seconds(1));
    expect([rig.fired.length, hasEnded]).toEqual([1, false]);
    work.reject(new PetioleError("ERR_COMPONENT_STOPPED", "it was replaced"));
    await ending;
    isFirst = false;
    await using _again = await rig.bind();
    await rig.clock.advance(seconds(1));
    expect(rig.times()).toEqual(["11-28T10:01:00", "11-28T10:01:00"]);
    expect(rig.counts().at(-1)).toEqual([1, 0]);
  });
});

describe("a timer", () => {
  test("fires up to its jitter later, and says when it was due", async ({ expect }) => {
    await using rig = await open({ every: "1h", jitter: "10m" });
    await rig.clock.advance((hours(1) - 1) as Millis);
    expect(rig.fired).toEqual([]);
    await rig.clock.advance(minutes(10));
    await rig.clock.advance(minutes(1));
    expect(rig.times()).toEqual(["11-28T11:00:30"]);
  });

  test("needs the store to begin, and goes on without it", async ({ expect }) => {
    const failing = new PetioleError("ERR_STORE_FAILED", "disk");
    const store = createStore();
    const broken = { ...store, get: () => Promise.reject(failing) };
    await expect(open({ cron: "* * * * *" }, { store: broken })).rejects.toBe(failing);
    await using rig = await open({ cron: "* * * * *" }, { store: { ...store, set: () => Promise.reject(failing) } });
    await rig.clock.advance(minutes(2));
    expect(rig.counts()).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(rig.log.records.map(({ message }) => message)).toContain("Cannot write down when a timer fired");
  });

  test.for([
    [{}, "want either every or cron"],
    [{ every: "1h", cron: "* * * * *" }, "want either every or cron"],
    [{ every: "1ms" }, "want 10ms to 366d"],
    [{ every: "1h", jitter: "1h" }, "want less than every"],
    [{ every: "1h", zone: "UTC" }, "an interval has no time zone"],
    [{ cron: "@every 5" }, "want a duration after @every"],
    [{ cron: "0 0 30 2 *" }, "no day has this day and month"],
    [{ cron: "* * * * *", zone: "Mars/Base" }, "want a time zone"],
  ] as const)("refuses %j", async ([timer, message], { expect }) => {
    await expect(open(timer)).rejects.toMatchObject({
      code: "ERR_PROVIDER_CONFIG",
      message: expect.stringContaining(message) as string,
    });
  });

  test("takes @every as an interval", async ({ expect }) => {
    await using rig = await open({ cron: "@every 5m" });
    await rig.clock.advance(minutes(5));
    expect(rig.times()).toEqual(["11-28T10:05:30"]);
  });
});
