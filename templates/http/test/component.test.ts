// The built component, in the runtime that devices have; the key-value store is in memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import { startComponent, witError } from "petiole/testing";

test("values are kept over HTTP", async () => {
  await using component = await startComponent({ config: { greeting: "good morning" } });

  const greeted = await component.http({ path: "/" });
  assert.deepEqual([greeted.status, JSON.parse(greeted.text)], [200, { greeting: "good morning" }]);

  assert.equal((await component.http({ method: "PUT", path: "/values/name", body: "Grüße" })).status, 200);
  const read = await component.http({ path: "/values/name?again" });
  assert.deepEqual(JSON.parse(read.text), { key: "name", value: "Grüße" });
  assert.equal(read.headers["content-type"], "application/json");
  assert.equal((await component.http({ path: "/values/other" })).status, 404);
});

test("a store that fails is told to the client, and logged", async () => {
  const open = () => {
    throw witError({ tag: "other", val: "no store today" });
  };
  await using component = await startComponent({ imports: { "wasi:keyvalue/store": { open } } });
  assert.equal((await component.http({ path: "/values/name" })).status, 503);
  assert.deepEqual(component.logged, [{ level: "error", message: "get /values/name: other: no store today" }]);
});
