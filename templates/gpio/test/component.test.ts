// The built component, in the runtime that devices have; the lines are played by the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startComponent, witError } from "petiole/testing";

test("a press turns the lamp over", async () => {
  let lamp = "inactive";
  let isThere = true;
  await using component = await startComponent({
    imports: {
      "petiole:gpio/lines": {
        get: (label: string) => {
          if (label !== "lamp" || !isThere) throw witError({ tag: "disconnected" });
          return lamp;
        },
        set: (_label: string, level: string) => void (lamp = level),
      },
    },
  });
  let sequence = 0n;
  const press = () =>
    component.call("petiole:gpio/edge-handler", "handle-edges", {
      label: "button",
      events: [
        { edge: "rising", timestamp: 0n, sequence: ++sequence },
        { edge: "falling", timestamp: 1n, sequence: ++sequence },
      ],
      lost: 0n,
      level: "inactive",
      deliveredAt: 2n,
    });

  await press();
  assert.equal(lamp, "active");
  await press();
  assert.equal(lamp, "inactive");
  isThere = false;
  await press();
  assert.deepEqual(
    component.logged.map(({ message }) => message),
    ["lamp active", "lamp inactive", "disconnected"],
  );
});
