import { describe, test } from "vitest";
import type { Millis } from "../domain/units.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { Breaches } from "./breaches.ts";
import type { ComponentEvent } from "./contract.ts";

/** A clock whose sleepers wake when the test says so. */
function manualClock(): { readonly clock: Clock; readonly wake: () => Promise<void> } {
  let sleepers: (() => void)[] = [];
  const sleep = (_duration: Millis, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      sleepers.push(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason as Error));
    });
  return {
    clock: { ...systemClock, sleep },
    wake: async () => {
      const all = sleepers;
      sleepers = [];
      for (const resolve of all) resolve();
      await Promise.resolve();
    },
  };
}

describe("Breaches", () => {
  test("tells of the first breach at once and of the others together, each limit by itself", async ({ expect }) => {
    const { clock, wake } = manualClock();
    const events: ComponentEvent[] = [];
    const breaches = new Breaches(clock, (event) => events.push(event), new AbortController().signal);
    breaches.add("deadline");
    breaches.add("deadline");
    breaches.add("log", 40);
    breaches.add("deadline");
    expect(events).toEqual([
      { kind: "limit-reached", limit: "deadline", count: 1 },
      { kind: "limit-reached", limit: "log", count: 40 },
    ]);
    await wake();
    expect(events.slice(2)).toEqual([{ kind: "limit-reached", limit: "deadline", count: 2 }]);
    await wake();
    expect(events).toHaveLength(3);
    breaches.add("deadline");
    expect(events).toHaveLength(4);
    expect(breaches.counts).toMatchObject({ deadline: 4, log: 40, memory: 0 });
  });

  test("is silent once the component was stopped", async ({ expect }) => {
    const { clock, wake } = manualClock();
    const events: ComponentEvent[] = [];
    const stop = new AbortController();
    const breaches = new Breaches(clock, (event) => events.push(event), stop.signal);
    breaches.add("queue");
    breaches.add("queue");
    stop.abort();
    await wake();
    expect(events).toHaveLength(1);
  });
});
