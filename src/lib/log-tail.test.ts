import { describe, test } from "vitest";
import { millis } from "../domain/units.ts";
import { createLogTail, tailedLogger, USUAL_TAIL } from "./log-tail.ts";
import { silentLogger } from "./log.ts";

const clock = { wall: () => millis(1000) };

describe("createLogTail()", () => {
  test("keeps the newest lines, with what varies as text", ({ expect }) => {
    const tail = createLogTail(clock, { lines: 2, size: 10_000 });
    const log = tailedLogger(silentLogger, tail).child({ component: "smoother" });
    log.info("First");
    log.warn("Second", { err: new Error("no room"), count: 3, list: [1], gone: undefined });
    log.error("Third", { component: "other" });
    expect(tail.since(0)).toEqual([
      {
        seq: 2,
        at: 1000,
        level: "warn",
        message: "Second",
        fields: { component: "smoother", err: "no room", count: "3", list: "[ 1 ]" },
      },
      { seq: 3, at: 1000, level: "error", message: "Third", fields: { component: "other" } },
    ]);
    expect(tail.since(2).map(({ seq }) => seq)).toEqual([3]);
    expect(tail.since(99)).toEqual([]);
  });

  test("takes no more room than it may, whatever is logged", ({ expect }) => {
    const tail = createLogTail(clock);
    const ring: Record<string, unknown> = {};
    ring["self"] = ring;
    for (let index = 0; index < 1000; index += 1) {
      const many = Object.fromEntries(Array.from({ length: 50 }, (_, key) => [`k${key}`, "x".repeat(5000)]));
      tail.add("info", "m".repeat(10_000), { ...(index % 2 === 0 ? many : {}), ring, big: 10n });
    }
    const lines = tail.since(0);
    expect(lines.at(-1)?.seq).toBe(1000);
    expect(lines.length).toBeGreaterThan(5);
    expect(JSON.stringify(lines).length).toBeLessThan(USUAL_TAIL.size + lines.length + 2);
    for (let index = 0; index < 1000; index += 1) tail.add("info", "short", {});
    expect(tail.since(0).length).toBe(USUAL_TAIL.lines);
  });
});
