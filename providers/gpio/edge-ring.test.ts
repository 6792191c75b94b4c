import { array, assert, constantFrom, integer, nat, oneof, property, record } from "fast-check";
import { describe, test } from "vitest";
import { createEdgeRing, type EdgeRing } from "./edge-ring.ts";

function fill(ring: EdgeRing<number>, ...events: readonly number[]): EdgeRing<number> {
  for (const event of events) ring.push(event, 0);
  return ring;
}

describe("createEdgeRing()", () => {
  test("take() returns what was pushed, oldest first, at most so many", ({ expect }) => {
    const ring = fill(createEdgeRing(8, "drop-oldest"), 1, 2, 3);
    expect(ring.take(2)).toEqual({ events: [1, 2], lost: 0 });
    expect(ring.take(2)).toEqual({ events: [3], lost: 0 });
    expect(ring.take(2)).toBeUndefined();
    expect(ring.empty).toBe(true);
  });

  test("drop-oldest keeps the newest and counts the others before them", ({ expect }) => {
    expect(fill(createEdgeRing(2, "drop-oldest"), 1, 2, 3, 4, 5).take(9)).toEqual({ events: [4, 5], lost: 3 });
  });

  test("drop-newest keeps the oldest and counts the others before what comes next", ({ expect }) => {
    const ring = fill(createEdgeRing(2, "drop-newest"), 1, 2, 3, 4);
    expect(ring.take(9)).toEqual({ events: [1, 2], lost: 0 });
    expect(fill(ring, 5).take(9)).toEqual({ events: [5], lost: 2 });
  });

  test("latest keeps only the newest once the queue is full", ({ expect }) => {
    expect(fill(createEdgeRing(2, "latest"), 1, 2).take(9)).toEqual({ events: [1, 2], lost: 0 });
    expect(fill(createEdgeRing(2, "latest"), 1, 2, 3).take(9)).toEqual({ events: [3], lost: 2 });
  });

  test("take() ends a batch before a gap", ({ expect }) => {
    const ring = fill(createEdgeRing<number>(8, "drop-oldest"), 1, 2);
    ring.push(6, 3);
    expect(ring.take(9)).toEqual({ events: [1, 2], lost: 0 });
    expect(ring.take(9)).toEqual({ events: [6], lost: 3 });
  });

  test("restore() counts a batch that did not arrive before what comes next", ({ expect }) => {
    const ring = fill(createEdgeRing<number>(2, "drop-oldest"), 1, 2, 3);
    const batch = ring.take(9);
    expect(batch).toEqual({ events: [2, 3], lost: 1 });
    if (batch !== undefined) ring.restore(batch);
    expect(fill(ring, 4).take(9)).toEqual({ events: [4], lost: 3 });
  });

  test("every edge is delivered or counted, exactly where it is missing", ({ expect }) => {
    const step = oneof(
      record({ do: constantFrom("push" as const), lost: nat(3) }),
      record({ do: constantFrom("take" as const), lost: integer({ min: 1, max: 4 }) }),
      record({ do: constantFrom("fail" as const), lost: integer({ min: 1, max: 4 }) }),
    );
    const policy = constantFrom("drop-oldest" as const, "drop-newest" as const, "latest" as const);
    assert(
      property(array(step, { maxLength: 60 }), policy, integer({ min: 1, max: 4 }), (steps, overflow, limit) => {
        const ring = createEdgeRing<number>(limit, overflow);
        let sequence = 0;
        let seen = 0;
        for (const { do: what, lost } of [...steps, { do: "push" as const, lost: 0 }]) {
          if (what === "push") {
            sequence += lost + 1;
            ring.push(sequence, lost);
            continue;
          }
          const batch = ring.take(lost);
          if (batch === undefined) continue;
          if (what === "fail") {
            ring.restore(batch);
            continue;
          }
          expect(batch.events[0]).toBe(seen + batch.lost + 1);
          expect(batch.events).toEqual(batch.events.map((_, i) => seen + batch.lost + 1 + i));
          seen = batch.events.at(-1) ?? seen;
        }
      }),
    );
  });
});
