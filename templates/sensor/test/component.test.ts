// The built component, in the runtime that devices have; the bus is played by the test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startComponent, witError } from "petiole/testing";

const firing = {
  name: "measure",
  scheduledFor: { seconds: 1_800_000_000n, nanoseconds: 0 },
  synced: true,
  count: 1n,
  missed: 0,
  attempt: 1,
  payload: "",
};

test("readings leave, and an alarm when the limit is passed", async () => {
  let register: Uint8Array | undefined = Uint8Array.of(0x19, 0x00);
  await using component = await startComponent({
    config: { limit: "28" },
    imports: {
      "petiole:i2c/devices": { open: (label: string) => label },
      "wasi:i2c/i2c": {
        "[method]i2c.write-read": (_bus: unknown, address: number) => {
          if (address !== 0x48 || register === undefined) throw witError({ tag: "no-acknowledge", val: "address" });
          return register;
        },
      },
    },
  });
  const fire = () => component.call("petiole:timer/timer-handler", "handle-timer", firing);

  await fire();
  register = Uint8Array.of(0x1d, 0x00);
  await fire();
  assert.deepEqual(
    component.published.map(({ subject, text }) => [subject, JSON.parse(text)]),
    [
      ["readings.temperature", { temperature: 25 }],
      ["readings.temperature", { temperature: 29 }],
      ["alarms.temperature", { state: "raised", temperature: 29, limit: 28 }],
    ],
  );
  assert.deepEqual(component.logged.at(-1), { level: "info", message: "29 °C, alarm" });

  register = undefined;
  await assert.rejects(fire(), { payload: { tag: "reject", val: "no-acknowledge: address" } });
});
