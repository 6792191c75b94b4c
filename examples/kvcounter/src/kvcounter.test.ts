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
    const path = "/counters/door";
    expect(answer({ method: "get", path }, counters)).toEqual({ status: 200, body: { name: "door", count: 0 } });
    expect(answer({ method: "post", path }, counters)).toEqual({ status: 200, body: { name: "door", count: 1 } });
    expect(answer({ method: "head", path }, counters)).toEqual({ status: 200, body: { name: "door", count: 1 } });
  });

  test("adds what it is asked to", ({ expect }) => {
    const counters = counting();
    const post = (query: string) => answer({ method: "post", path: `/counters/door?${query}` }, counters);
    expect(post("by=41")).toEqual({ status: 200, body: { name: "door", count: 41 } });
    expect(post("by=1000000000").body).toEqual({ name: "door", count: 1_000_000_041 });
    for (const query of ["", "by=", "by=0", "by=-1", "by=1.5", "by=me", "by=1000000001", "by=1&by=2", "step=1"]) {
      expect(post(query).status, query).toBe(400);
    }
    expect(counters.values.get("door")).toBe(1_000_000_041);
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
