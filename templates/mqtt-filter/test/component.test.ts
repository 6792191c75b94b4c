// The built component, in the runtime that devices have; what it publishes is kept by the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startComponent } from "petiole/testing";

test("only what changed enough goes on", async () => {
  await using component = await startComponent({ config: { deadband: "1" } });
  const send = (subject: string, text: string) =>
    component.call("wasmcloud:messaging/handler", "handle-message", { subject, body: new TextEncoder().encode(text) });

  for (const value of [20, 20.4, 21, 21.5, 19]) await send("sensors/hall/temp", JSON.stringify({ value }));
  await send("sensors/yard/temp", "7");
  assert.deepEqual(
    component.published.map(({ subject, text }) => [subject, JSON.parse(text)]),
    [
      ["filtered/hall/temp", { value: 20 }],
      ["filtered/hall/temp", { value: 21 }],
      ["filtered/hall/temp", { value: 19 }],
      ["filtered/yard/temp", { value: 7 }],
    ],
  );

  await assert.rejects(send("sensors/hall/temp", "warm"), { payload: '"warm" is no JSON' });
  assert.deepEqual(component.logged.at(-1), { level: "warn", message: 'sensors/hall/temp: "warm" is no JSON' });
});
