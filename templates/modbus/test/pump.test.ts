import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, readSettings } from "../src/pump.ts";

test("decide() leaves the pump alone between the two limits, and without a level", () => {
  const settings = { high: 80, low: 20 };
  assert.deepEqual(
    [90, 80, 50, 20, 10, undefined].map((level) => decide(level, settings)),
    [true, undefined, undefined, undefined, false, undefined],
  );
});

test("readSettings() refuses limits that cross", () => {
  assert.deepEqual(
    readSettings(() => undefined),
    { high: 80, low: 20 },
  );
  assert.throws(() => readSettings((key) => (key === "low" ? "90" : undefined)), /low and high are 90 and 80/);
});
