import { describe, test } from "vitest";
import { acknowledge, handleReading, type Capabilities } from "./guard.ts";

function createBench(replaced: Partial<Capabilities> = {}) {
  const kept = new Map<string, string>();
  const done: unknown[] = [];
  const errors: string[] = [];
  const capabilities: Capabilities = {
    settings: () => ({ raise: 8, clear: 4, learn: 5, noise: 0.02, trip: "pressure" }),
    states: new Map(),
    load: (key) => kept.get(key),
    save: (key, value) => void kept.set(key, value),
    switchPump: (on) => void done.push(["pump", on]),
    switchSiren: (on) => void done.push(["siren", on]),
    publish: (subject) => void done.push(subject),
    error: (message) => void errors.push(message),
    ...replaced,
  };
  let seq = 0;
  const read = (sensor: string, value: number, times: number): void => {
    for (let i = 0; i < times; i++) handleReading({ sensor, seq: ++seq, value }, capabilities);
  };
  return { capabilities, done, errors, kept, read };
}

describe("handleReading()", () => {
  test("acts before it reports, and undoes it when it is over", ({ expect }) => {
    const bench = createBench();
    bench.read("pressure", 4, 6);
    bench.done.length = 0;
    bench.read("pressure", 2, 3);
    expect(bench.done.slice(2)).toEqual([["pump", false], ["siren", true], "alarms.pressure", "readings.pressure"]);
    bench.done.length = 0;
    bench.read("pressure", 4, 3);
    expect(bench.done.slice(2)).toEqual([["pump", true], ["siren", false], "alarms.pressure", "readings.pressure"]);
    expect(bench.errors).toEqual([]);
  });

  test("watches no more than 64 sensors, and always the one that stops the pump", ({ expect }) => {
    const bench = createBench();
    for (let i = 0; i < 100; i++) bench.read(`s${i}`, 4, 1);
    expect(bench.capabilities.states.size).toBe(64);
    expect(bench.done).toHaveLength(100);
    bench.read("pressure", 4, 6);
    bench.read("pressure", 2, 3);
    expect(bench.done).toContainEqual(["pump", false]);
  });

  test("does not stop the pump for other sensors", ({ expect }) => {
    const bench = createBench();
    bench.read("hall", 20, 6);
    bench.read("hall", 60, 3);
    expect(bench.done.filter((one) => typeof one !== "string")).toEqual([["siren", true]]);
  });

  test("stops the pump when nothing can be kept or reported", ({ expect }) => {
    const bench = createBench();
    bench.read("pressure", 4, 6);
    const failing = (): never => {
      throw new Error("the disk is full");
    };
    const seen: unknown[] = [];
    const crippled = {
      ...bench.capabilities,
      states: new Map(),
      save: failing,
      publish: failing,
      switchPump: (on: boolean) => void seen.push(on),
    };
    bench.kept.set(
      "sensor.pressure",
      JSON.stringify({ recent: [4, 4, 2, 2], count: 9, mean: 4, variance: 0, alarm: false }),
    );
    handleReading({ sensor: "pressure", seq: 99, value: 2 }, crippled);
    expect(seen).toEqual([false]);
    expect(bench.errors).toContain("Cannot keep the state: the disk is full");
  });
});

test("handleReading() writes its state now and then, and goes on from it in a new instance", ({ expect }) => {
  const bench = createBench();
  bench.read("pressure", 4, 19);
  expect(bench.kept.size).toBe(0);
  bench.read("pressure", 4, 1);
  expect(bench.kept.get("sensor.pressure")).toContain('"count":20');
  bench.capabilities.states.clear();
  bench.read("pressure", 2, 3);
  expect(bench.done).toContain("alarms.pressure");
  expect(bench.kept.get("sensor.pressure")).toContain('"alarm":true');
});

test("acknowledge() silences the siren and counts", ({ expect }) => {
  const bench = createBench();
  acknowledge(bench.capabilities);
  acknowledge(bench.capabilities);
  expect(bench.done).toEqual([["siren", false], "events.acknowledged", ["siren", false], "events.acknowledged"]);
  expect(bench.kept.get("acknowledged")).toBe("2");
});
