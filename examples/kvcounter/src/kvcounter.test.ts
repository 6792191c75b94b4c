import { describe, test } from "vitest";
import { answer, tick, type Counters } from "./kvcounter.ts";

function counting(): Counters & { readonly values: Map<string, number> } {
  const values = new Map<string, number>();
  return {
    values,
    add(name, by) {
      const sum = (values.get(name) ?? 0) + by;
      values.set(name, sum);
      return sum;
    },
  };
}

describe("answer()", () => {
  test("counts with POST and tells with GET", ({ expect }) => {
    const counters = counting();
    const path = "/counters/door?by=me";
    expect(answer({ method: "get", path }, counters)).toEqual({ status: 200, body: { name: "door", count: 0 } });
    expect(answer({ method: "post", path }, counters)).toEqual({ status: 200, body: { name: "door", count: 1 } });
    expect(answer({ method: "head", path }, counters)).toEqual({ status: 200, body: { name: "door", count: 1 } });
  });

  test("says what it wants", ({ expect }) => {
    const counters = counting();
    expect(answer({ method: "delete", path: "/counters/door" }, counters)).toMatchObject({
      status: 405,
      allow: "GET, HEAD, POST",
    });
    for (const path of ["/", "/counters/", "/counters/a/b", "/counters/a%20b", `/counters/${"x".repeat(65)}`]) {
      expect(answer({ method: "post", path }, counters).status, path).toBe(404);
    }
    expect(counters.values.size).toBe(0);
  });
});

test("tick() counts what was missed, too", ({ expect }) => {
  const counters = counting();
  tick("hourly", 2, counters);
  tick("hourly", 0, counters);
  expect([...counters.values]).toEqual([["timer-hourly", 4]]);
});
