import { describe, test, vi } from "vitest";
import { millis } from "../domain/units.ts";
import { createBoottime, systemClock } from "./clock.ts";

describe("systemClock", () => {
  test("sleeps for longer than a timer can, and is woken from it", async ({ expect, onTestFinished }) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const day = 86_400_000;
    const ends: string[] = [];
    const ending = new AbortController();
    const sleep = (days: number, name: string, signal?: AbortSignal): void =>
      void systemClock.sleep(millis(days * day), signal).then(
        () => ends.push(name),
        () => ends.push(`${name} woken`),
      );
    sleep(60, "two months");
    sleep(1000, "years", ending.signal);
    await vi.advanceTimersByTimeAsync(59 * day);
    expect(ends).toEqual([]);
    ending.abort(new Error("wake up"));
    await vi.advanceTimersByTimeAsync(day);
    expect(ends).toEqual(["years woken", "two months"]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("createBoottime()", () => {
  /** A machine that has been up for a minute, awake all the time. */
  function machine(more: { readonly container?: boolean } = {}) {
    let [monotonic, slept, wall, looks] = [60_000, 0, 1_700_000_000_000, 0];
    const boottime = createBoottime({
      monotonic: () => monotonic,
      wall: () => wall,
      uptime: () => {
        looks += 1;
        // Of the container, which is younger than the machine; and no finer than it may be.
        return Math.floor((monotonic + slept - (more.container === true ? 50_000 : 0)) / 1000) * 1000;
      },
    });
    return {
      boottime,
      looks: () => looks,
      pass: (duration: number) => {
        monotonic += duration;
        wall += duration;
      },
      sleep: (duration: number) => {
        slept += duration;
        wall += duration;
      },
      set: (to: number) => {
        wall = to;
      },
    };
  }

  test("goes on with the monotonic clock, and looks nothing up while nothing happens", ({ expect }) => {
    const { boottime, pass, looks } = machine();
    expect(boottime()).toBe(60_000);
    for (let i = 0; i < 100; i += 1) {
      pass(1234);
      boottime();
    }
    expect(boottime()).toBe(60_000 + 123_400);
    expect(looks()).toBe(1);
  });

  test("counts what the machine slept, and not what the wall clock was set by", ({ expect }) => {
    const { boottime, sleep, set } = machine();
    expect(boottime()).toBe(60_000);
    sleep(3_600_000);
    expect(boottime()).toBe(3_660_000);
    set(0);
    expect(boottime()).toBe(3_660_000);
    sleep(60_000);
    expect(boottime()).toBe(3_720_000);
  });

  test("is the machine's in a container that has an uptime of its own", ({ expect }) => {
    const { boottime, pass, set } = machine({ container: true });
    expect(boottime()).toBe(60_000);
    pass(5000);
    set(0);
    expect(boottime()).toBe(65_000);
  });
});
