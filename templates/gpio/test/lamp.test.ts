import assert from "node:assert/strict";
import { test } from "node:test";
import { countPresses, turn } from "../src/lamp.ts";

test("countPresses() counts the button going down", () => {
  assert.equal(countPresses([{ edge: "rising" }, { edge: "falling" }, { edge: "rising" }]), 2);
});

test("turn() turns the lamp over with every press", () => {
  assert.deepEqual([turn("inactive", 1), turn("active", 1), turn("active", 2)], ["active", "inactive", "active"]);
});
