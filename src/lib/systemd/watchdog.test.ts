import { describe, test } from "vitest";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { millis, seconds } from "../../domain/units.ts";
import { silentLogger } from "../log.ts";
import { createPace } from "../pace.ts";
import type { Notice } from "./notify.ts";
import { askingWitness, startWatchdog, type Witness } from "./watchdog.ts";

const PERIOD = seconds(8);

/** Answers as long as nobody makes it hang. */
function createPart(name: string): Witness & { hang(): void; goOn(): void } {
  let count = 0;
  let held = Promise.withResolvers<void>();
  held.resolve();
  return {
    ...askingWitness(name, {
      count: () => count,
      ask: async () => {
        await held.promise;
        count += 1;
      },
    }),
    hang: () => void (held = Promise.withResolvers<void>()),
    goOn: () => held.resolve(),
  };
}

function setUp(...witnesses: readonly Witness[]) {
  const clock = createFakeClock();
  const told: Notice[] = [];
  const watchdog = startWatchdog({
    period: PERIOD,
    witnesses: () => witnesses,
    notify: (...notices) => void told.push(...notices),
    clock,
    log: silentLogger,
  });
  return { clock, told, watchdog };
}

describe("startWatchdog()", () => {
  test("feeds at least twice in a period while all parts answer", async ({ expect }) => {
    const { clock, told, watchdog } = setUp(createPart("store"), createPart("supervisor"));
    using _ = watchdog;
    await clock.advance(millis(10 * PERIOD));
    expect(told.length).toBeGreaterThanOrEqual(20);
    expect(told.every(({ kind }) => kind === "alive")).toBe(true);
    expect(watchdog.report()).toMatchObject({ late: [], period: PERIOD });
    expect(watchdog.report().leastMargin).toBeGreaterThan(PERIOD / 2);
  });

  test.for(["store", "supervisor"])(
    "stops when the %s hangs, names it, and goes on with it",
    async (name, { expect }) => {
      const parts = [createPart("store"), createPart("supervisor")];
      const hung = parts.find((part) => part.name === name);
      const { clock, told, watchdog } = setUp(...parts);
      using _ = watchdog;
      await clock.advance(PERIOD);
      hung?.hang();
      // What it had done before may count once more.
      await clock.advance(PERIOD);
      const before = told.length;
      await clock.advance(millis(5 * PERIOD));
      expect(told.length).toBe(before);
      expect(watchdog.report().late).toEqual([name]);
      hung?.goOn();
      await clock.advance(PERIOD);
      expect(told.length).toBeGreaterThan(before);
      expect(watchdog.report().late).toEqual([]);
      expect(watchdog.report().leastMargin).toBeLessThan(0);
    },
  );

  test("says nothing once it is disposed", async ({ expect }) => {
    const { clock, told, watchdog } = setUp();
    watchdog[Symbol.dispose]();
    const before = told.length;
    await clock.advance(millis(3 * PERIOD));
    expect(told.length).toBe(before);
  });

  test("bears with what takes long as long as its limit", async ({ expect }) => {
    const clock = createFakeClock();
    const pace = createPace(clock, millis(4 * PERIOD));
    const told: Notice[] = [];
    const idle = Promise.withResolvers<void>();
    using watchdog = startWatchdog({
      period: PERIOD,
      witnesses: () => [askingWitness("supervisor", { ...pace, ask: () => idle.promise })],
      notify: (...notices) => void told.push(...notices),
      clock,
      log: silentLogger,
    });
    void pace.during(async () => await idle.promise);
    await clock.advance(millis(3 * PERIOD));
    expect(told.length).toBeGreaterThanOrEqual(6);
    await clock.advance(millis(2 * PERIOD));
    const before = told.length;
    await clock.advance(millis(2 * PERIOD));
    expect(told.length).toBe(before);
    expect(watchdog.report().late).toEqual(["supervisor"]);
  });
});
