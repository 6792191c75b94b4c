import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, parseTemperature, readSettings } from "../src/thermometer.ts";

test("parseTemperature() reads two's complement", () => {
  const read = (...bytes: readonly number[]) => parseTemperature(Uint8Array.from(bytes));
  assert.deepEqual(
    [read(0x19, 0x00), read(0x00, 0x10), read(0xff, 0xf0), read(0xe7, 0x00)],
    [25, 0.0625, -0.0625, -25],
  );
});

test("judge() raises an alarm once, and clears it below the hysteresis", () => {
  const settings = { limit: 30, hysteresis: 1 };
  let alarm = false;
  const states = [29, 30.5, 31, 29.5, 29, 28].map((temperature) => {
    const step = judge(temperature, alarm, settings);
    alarm = step.alarm;
    return step.messages.length > 1 ? step.alarm : undefined;
  });
  assert.deepEqual(states, [undefined, true, undefined, undefined, false, undefined]);
});

test("readSettings() refuses what is no number", () => {
  assert.deepEqual(
    readSettings(() => undefined),
    { limit: 30, hysteresis: 1 },
  );
  assert.throws(() => readSettings(() => "warm"), /The setting limit is "warm"/);
});
