// Pins: the lamp answers the button whatever becomes of the report, and every press that reached the device is counted.

import { afterAll, describe, test } from "vitest";
import { tempFolder } from "../../support/processes.ts";
import { startExample, type ExampleOptions, type ExampleRig } from "./support.ts";

const cache = await tempFolder();
afterAll(() => cache[Symbol.asyncDispose]());

const start = async (options: Omit<ExampleOptions, "cacheDir"> = {}): Promise<ExampleRig> =>
  await startExample("button-lamp", { cacheDir: cache.path, ...options });

const EDGES = "petiole:gpio/edge-handler";

const batch = (edges: readonly (readonly ["rising" | "falling", number])[], lost = 0, label = "button") => ({
  label,
  events: edges.map(([edge, sequence]) => ({
    edge,
    timestamp: 4_611_686_018_427_387_904n,
    sequence: BigInt(sequence),
  })),
  lost: BigInt(lost),
  level: edges.at(-1)?.[0] === "rising" ? "active" : "inactive",
  deliveredAt: 4_611_686_018_427_387_905n,
});

describe("button-lamp", () => {
  test("switches the lamp, counts and reports each press", async ({ expect }) => {
    await using rig = await start();
    await rig.call(EDGES, "handle-edges", batch([["rising", 1]]));
    expect(rig.lines.get("lamp")).toBe("active");
    await rig.call(EDGES, "handle-edges", batch([["falling", 2]]));
    await rig.call(
      EDGES,
      "handle-edges",
      batch(
        [
          ["falling", 8],
          ["rising", 9],
        ],
        5,
      ),
    );
    expect(rig.lines.get("lamp")).toBe("active");
    expect(rig.published).toEqual([
      { subject: "events.button", body: { count: 1, sequence: 1, lamp: "active", lost: 0 } },
      { subject: "events.button", body: { count: 2, sequence: 7, lamp: "inactive", lost: 5 } },
      { subject: "events.button", body: { count: 3, sequence: 9, lamp: "active", lost: 0 } },
    ]);
    expect(Object.fromEntries(rig.counters)).toEqual({ "button-lamp/presses": 3, "button-lamp/lost-edges": 5 });
  });

  test("takes the lines' labels from its configuration", async ({ expect }) => {
    await using rig = await start({ config: { button: "door", lamp: "hall" } });
    await rig.call(EDGES, "handle-edges", batch([["rising", 1]]));
    await rig.call(EDGES, "handle-edges", batch([["rising", 1]], 0, "door"));
    expect([...rig.lines]).toEqual([["hall", "active"]]);
  });

  test("switches the lamp when nothing can be published, and logs it", async ({ expect }) => {
    await using rig = await start();
    rig.failing.set("wasmcloud:messaging/consumer#publish", "the outbox is full");
    await rig.call(EDGES, "handle-edges", batch([["rising", 1]]));
    expect(rig.lines.get("lamp")).toBe("active");
    expect(rig.logged()).toEqual(["Cannot report the press: the outbox is full"]);
  });

  test("reports the press when the lamp is not granted to it", async ({ expect }) => {
    await using rig = await start();
    rig.failing.set("petiole:gpio/lines#set", { tag: "not-granted" });
    await rig.call(EDGES, "handle-edges", batch([["rising", 1]]));
    expect(rig.published).toMatchObject([{ body: { count: 1, lamp: "unknown" } }]);
    expect(rig.logged()).toEqual(["Cannot switch the lamp: not-granted"]);
  });
});
