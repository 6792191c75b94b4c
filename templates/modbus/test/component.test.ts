// The built component, in the runtime that devices have; the bus is played by the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startComponent } from "petiole/testing";

test("the pump follows the level, and the hub is told", async () => {
  const written: unknown[] = [];
  await using component = await startComponent({
    config: { high: "70" },
    imports: { "petiole:modbus/client": { "write-coil": (...args: unknown[]) => void written.push(args) } },
  });
  let sequence = 0n;
  const round = (value: unknown) =>
    component.call("petiole:modbus/readings-handler", "handle-readings", {
      bus: "plant",
      poll: "tank",
      unit: 17,
      timestamp: 0n,
      sequence: ++sequence,
      lost: 0n,
      readings: [{ name: "level", measure: "%", value }],
    });

  await round({ tag: "ok", val: 75.5 });
  await round({ tag: "ok", val: 50 });
  await round({ tag: "err", val: { tag: "timeout" } });
  await round({ tag: "ok", val: 5 });
  assert.deepEqual(written, [
    ["plant", 17, 0, true],
    ["plant", 17, 0, false],
  ]);
  assert.deepEqual(
    component.published.map(({ text }) => JSON.parse(text)),
    [{ level: 75.5, pump: true }, { level: 50 }, { level: null }, { level: 5, pump: false }],
  );
  assert.deepEqual(component.logged[1], { level: "warn", message: "no level: timeout" });
});
