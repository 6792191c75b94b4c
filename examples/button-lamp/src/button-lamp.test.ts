import { describe, test } from "vitest";
import { decodeUtf8 } from "../../lib/utf8.ts";
import { handleBatch, type Capabilities, type Level } from "./button-lamp.ts";
import type { Batch } from "./presses.ts";

function createBench(replaced: Partial<Capabilities> = {}) {
  const lamp: Level[] = ["inactive"];
  const published: { subject: string; body: unknown }[] = [];
  const counters = new Map<string, number>();
  const errors: string[] = [];
  const capabilities: Capabilities = {
    lamp: () => lamp.at(-1) ?? "inactive",
    setLamp: (level) => void lamp.push(level),
    count: (counter, by) => {
      counters.set(counter, (counters.get(counter) ?? 0) + by);
      return counters.get(counter) ?? 0;
    },
    publish: (subject, body) => void published.push({ subject, body: JSON.parse(decodeUtf8(body) ?? "") }),
    error: (message) => void errors.push(message),
    ...replaced,
  };
  return { capabilities, lamp, published, counters, errors };
}

const press = (sequence: number, lost = 0): Batch => ({ events: [{ edge: "rising", sequence }], lost });
const failing = (): never => {
  throw new Error("the outbox is full");
};

describe("handleBatch()", () => {
  test("switches the lamp with each press and publishes its count and the edge's sequence", ({ expect }) => {
    const bench = createBench();
    handleBatch(press(1), bench.capabilities);
    handleBatch({ events: [{ edge: "falling", sequence: 2 }], lost: 0 }, bench.capabilities);
    handleBatch(press(3), bench.capabilities);
    expect(bench.lamp).toEqual(["inactive", "active", "inactive"]);
    expect(bench.published).toEqual([
      { subject: "events.button", body: { count: 1, sequence: 1, lamp: "active", lost: 0 } },
      { subject: "events.button", body: { count: 2, sequence: 3, lamp: "inactive", lost: 0 } },
    ]);
  });

  test("counts and reports lost edges, with the first press after them only", ({ expect }) => {
    const bench = createBench();
    const events = [6, 7, 8].map((sequence) => ({
      edge: sequence === 7 ? ("falling" as const) : ("rising" as const),
      sequence,
    }));
    handleBatch({ events, lost: 4 }, bench.capabilities);
    expect(bench.counters).toEqual(
      new Map([
        ["lost-edges", 4],
        ["presses", 2],
      ]),
    );
    expect(bench.published.map(({ body }) => body)).toMatchObject([{ lost: 4 }, { lost: 0 }]);
    expect(bench.errors).toEqual(["The device dropped 4 edges of the button"]);
  });

  test("switches the lamp when the press can be neither counted nor published", ({ expect }) => {
    const bench = createBench({ count: failing });
    handleBatch(press(1, 2), bench.capabilities);
    expect(bench.lamp).toEqual(["inactive", "active"]);
    expect(bench.errors).toContain("Cannot report the press: the outbox is full");
  });

  test("goes on counting when a press cannot be published, so that the hub sees the gap", ({ expect }) => {
    const bench = createBench();
    handleBatch(press(1), { ...bench.capabilities, publish: failing });
    handleBatch(press(3), bench.capabilities);
    expect(bench.published.map(({ body }) => body)).toMatchObject([{ count: 2, sequence: 3 }]);
  });

  test("publishes the press when the lamp cannot be switched", ({ expect }) => {
    const bench = createBench({ setLamp: failing });
    handleBatch(press(1), bench.capabilities);
    expect(bench.published.map(({ body }) => body)).toMatchObject([{ count: 1, lamp: "unknown" }]);
  });
});
