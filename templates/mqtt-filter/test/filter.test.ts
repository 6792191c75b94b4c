import assert from "node:assert/strict";
import { test } from "node:test";
import { isNews, outgoingTopic, parseValue } from "../src/filter.ts";

test("parseValue() takes a number, and an object with one", () => {
  assert.deepEqual([parseValue("21.5"), parseValue('{ "value": -3, "unit": "°C" }')], [21.5, -3]);
  assert.throws(() => parseValue("warm"), /is no JSON/);
  assert.throws(() => parseValue('{ "value": "3" }'), /has no number/);
});

test("isNews() holds back what is near to the last value", () => {
  assert.deepEqual(
    [isNews(1, undefined, 5), isNews(1.4, 1, 0.5), isNews(1.5, 1, 0.5), isNews(0.5, 1, 0.5)],
    [true, false, true, true],
  );
});

test("outgoingTopic() replaces the first level", () => {
  assert.equal(outgoingTopic("sensors/hall/temp"), "filtered/hall/temp");
});
