import { test } from "vitest";
import { parseQuery } from "./query.ts";

test("parseQuery() reads what browsers write", ({ expect }) => {
  expect([...(parseQuery("name=N%C3%BA+%2B1&page=2&&empty&a=b=c&page=3") ?? [])]).toEqual([
    ["name", "Nú +1"],
    ["page", "3"],
    ["empty", ""],
    ["a", "b=c"],
  ]);
  expect(parseQuery("")?.size).toBe(0);
});

test("parseQuery() refuses what is no encoding", ({ expect }) => {
  for (const query of ["name=%", "name=%zz", "%ff=1"]) expect(parseQuery(query), query).toBeUndefined();
});
