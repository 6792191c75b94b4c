import { describe, test } from "vitest";
import { createEngineReader } from "./engine-key.ts";
import { RecentEntry, type Recalled } from "./recent-entry.ts";

const engine = createEngineReader()();

/** Its parts are parts of a file of that size. */
const recalled = (component: string, size: number): Recalled => {
  const file = new Uint8Array(size);
  return {
    entry: {
      component,
      engine,
      limits: { maxPages: 1, maxTableEntries: 1 },
      warmUpCalls: 0,
      inspection: file.subarray(0, 1),
      glue: { kind: "linked", script: "" },
      modules: new Map([["0", { wireBytes: file.subarray(1, 2), machineCode: file.subarray(2, 3) }]]),
    },
    engineKey: "key",
    sealed: true,
  };
};

describe("RecentEntry", () => {
  test("gives out once what was put last", ({ expect }) => {
    const recent = new RecentEntry(100);
    const [a, b] = [recalled("a", 100), recalled("b", 100)];
    recent.put(a);
    recent.put(b);
    expect(recent.take("a")).toBeUndefined();
    expect(recent.take("b")).toBe(b);
    expect(recent.take("b")).toBeUndefined();
  });

  test("keeps nothing that takes too much memory, nor what was there before", ({ expect }) => {
    const recent = new RecentEntry(100);
    recent.put(recalled("a", 10));
    recent.put(recalled("a", 101));
    expect(recent.take("a")).toBeUndefined();
  });
});
