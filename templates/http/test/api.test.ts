import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, type Values } from "../src/api.ts";

function inMemory(): Values {
  const map = new Map<string, string>();
  return {
    get: (key) => map.get(key),
    set: (key, value) => void map.set(key, value),
    delete: (key) => void map.delete(key),
  };
}

test("answer() keeps a value until it is deleted", () => {
  const values = inMemory();
  const ask = (method: string, body = "") => answer({ method, path: "/values/lamp", body }, values, "hello").status;
  assert.deepEqual([ask("get"), ask("put", "on"), ask("get"), ask("delete"), ask("get")], [404, 200, 200, 200, 404]);
});

test("answer() refuses what it does not know", () => {
  assert.equal(answer({ method: "get", path: "/nothing", body: "" }, inMemory(), "hello").status, 404);
  assert.equal(answer({ method: "post", path: "/values/a", body: "" }, inMemory(), "hello").status, 405);
});
