import { describe, test } from "vitest";
import { bytes, millis, minutes, seconds, type Millis } from "../../domain/units.ts";
import type { Lane } from "../../domain/outbox.ts";
import { createFakeClock, type FakeClock } from "../../../test/support/fake-clock.ts";
import { createDrainPace, type DrainLimit, type DrainPace } from "./drain-pace.ts";

interface Waiting {
  readonly age: Millis | undefined;
  readonly bytes: number;
}

const OLD: Waiting = { age: minutes(5), bytes: 100 };
const LIVE: Waiting = { age: millis(20), bytes: 100 };

function setUp(limit: Partial<DrainLimit> = {}): { clock: FakeClock; pace: DrainPace } {
  const clock = createFakeClock();
  const drain = { messages: 100, bytes: undefined, jitter: seconds(30), ...limit };
  return { clock, pace: createDrainPace({ limit: drain, clock, random: () => 0.5 }) };
}

/** How many messages of a backlog go now. */
function takeAll(pace: DrainPace, lane: Lane, message = OLD): number {
  let count = 0;
  while (count < 10_000 && pace.take(lane, message)) count += 1;
  return count;
}

/** How many go within `time`, when the lane tries again whenever the pace says so. */
async function drainFor(pace: DrainPace, clock: FakeClock, lane: Lane, time: number, message = OLD): Promise<number> {
  const end = clock.monotonic() + time;
  let count = takeAll(pace, lane, message);
  while (clock.monotonic() < end) {
    await clock.advance(millis(Math.min(pace.delay(), end - clock.monotonic())));
    count += takeAll(pace, lane, message);
  }
  return count;
}

describe("createDrainPace()", () => {
  test("keeps a backlog to the messages a second that it was given", async ({ expect }) => {
    const { clock, pace } = setUp();
    const sent = await drainFor(pace, clock, "standard", 10_000);
    expect(sent).toBeGreaterThanOrEqual(1000);
    // A tenth of a second's worth may go at once.
    expect(sent).toBeLessThanOrEqual(1010);
  });

  test("keeps a backlog to the bytes a second, with messages of any size", async ({ expect }) => {
    for (const size of [100, 3000, 300_000]) {
      const { clock, pace } = setUp({ messages: undefined, bytes: bytes(10_000) });
      const message = { age: undefined, bytes: size };
      const sent = size * (await drainFor(pace, clock, "standard", 120_000, message));
      expect(sent).toBeLessThanOrEqual(120 * 10_000 + 1000 + size);
      expect(sent).toBeGreaterThanOrEqual(100 * 10_000);
    }
  });

  test("says when a try is worth it, also when only bytes are short", async ({ expect }) => {
    const { clock, pace } = setUp({ bytes: bytes(1000) });
    expect(pace.take("standard", { age: undefined, bytes: 1100 })).toBe(true);
    expect(pace.take("standard", OLD)).toBe(false);
    const delay = pace.delay();
    expect(delay).toBeGreaterThanOrEqual(1000);
    await clock.advance(millis(delay - 60));
    expect(pace.take("standard", OLD)).toBe(false);
    await clock.advance(millis(60));
    expect(pace.take("standard", OLD)).toBe(true);
  });

  test("lets what was accepted just now go at once, whatever waits", ({ expect }) => {
    const { pace } = setUp();
    takeAll(pace, "critical");
    expect(pace.take("critical", OLD)).toBe(false);
    for (const lane of ["critical", "standard", "ephemeral"] as const) expect(pace.take(lane, LIVE)).toBe(true);
  });

  test("a message of an earlier boot is not taken for a new one", ({ expect }) => {
    const { pace } = setUp();
    takeAll(pace, "standard");
    expect(pace.take("standard", { age: undefined, bytes: 1 })).toBe(false);
  });

  test("gives the backlog of a more urgent lane the whole limit first", async ({ expect }) => {
    const { clock, pace } = setUp();
    takeAll(pace, "critical");
    await clock.advance(seconds(1));
    expect(pace.take("standard", OLD)).toBe(false);
    expect(pace.take("critical", OLD)).toBe(true);
    pace.caughtUp("critical");
    expect(pace.take("standard", OLD)).toBe(true);
  });

  test("does not keep lanes waiting for one that stopped sending", async ({ expect }) => {
    const { clock, pace } = setUp();
    takeAll(pace, "critical");
    await clock.advance(seconds(1));
    pace.leave("critical");
    expect(takeAll(pace, "standard")).toBe(10);
  });

  test("live messages of less urgent lanes do not hold up a backlog with alarms behind it", async ({ expect }) => {
    const { clock, pace } = setUp();
    let sent = takeAll(pace, "critical");
    for (let ms = 0; ms < 1000; ms += 1) {
      // Ten times the limit.
      expect(pace.take("ephemeral", LIVE)).toBe(true);
      await clock.advance(millis(1));
      sent += takeAll(pace, "critical");
    }
    expect(sent).toBeGreaterThanOrEqual(100);
  });

  test("a burst of live messages holds its lane's backlog up for a second at most", async ({ expect }) => {
    const { clock, pace } = setUp();
    for (let i = 0; i < 5000; i += 1) pace.take("standard", LIVE);
    expect(pace.take("standard", OLD)).toBe(false);
    expect(pace.delay()).toBeLessThanOrEqual(1100);
    await clock.advance(millis(pace.delay()));
    expect(pace.take("standard", OLD)).toBe(true);
  });

  test("spreads devices that lost their hub together, live messages excepted", async ({ expect }) => {
    const { clock, pace } = setUp();
    pace.connected(minutes(10));
    expect(pace.take("standard", OLD)).toBe(false);
    expect(pace.take("standard", LIVE)).toBe(true);
    expect(pace.delay()).toBe(15_000);
    await clock.advance(seconds(15));
    expect(pace.take("standard", OLD)).toBe(true);
  });

  test("an outage of a moment delays nothing by more than a moment", ({ expect }) => {
    const { pace } = setUp();
    pace.connected(millis(200));
    pace.take("standard", OLD);
    expect(pace.delay()).toBe(100);
  });

  test("lifted, it lets everything go until each lane has caught up", ({ expect }) => {
    const { pace } = setUp();
    pace.connected(minutes(10));
    pace.lift();
    expect(takeAll(pace, "standard")).toBe(10_000);
    expect(pace.room("standard")).toBe(Infinity);
    pace.caughtUp("standard");
    expect(pace.take("standard", OLD)).toBe(false);
    expect(takeAll(pace, "critical")).toBe(10_000);
  });

  test("has one row read at least: it may be a live one", ({ expect }) => {
    const { pace } = setUp();
    expect(pace.room("standard")).toBe(10);
    takeAll(pace, "critical");
    expect(pace.room("critical")).toBe(1);
    expect(pace.room("standard")).toBe(1);
  });
});
