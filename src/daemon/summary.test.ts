import { describe, test } from "vitest";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import type { AgentStatus } from "../domain/status.ts";
import { seconds } from "../domain/units.ts";
import { silentLogger, type LogFields } from "../lib/log.ts";
import { startSummary, summarize } from "./summary.ts";

interface Facts {
  readonly calls?: number;
  readonly written?: number;
  readonly suppressed?: number;
}

// As much of a status as a summary reads.
const statusWith = ({ calls = 0, written, suppressed = 0 }: Facts): AgentStatus =>
  ({
    hub: { link: "online" },
    components: [
      { id: "a", state: "running", calls, failures: 1 },
      { id: "b", state: "failed", calls: 0, failures: 0 },
    ],
    providers: [{ id: "p", state: "running" }],
    outbox: {
      bytes: 120,
      lanes: [
        { lane: "critical", rows: 2, bytes: 100 },
        { lane: "standard", rows: 0, bytes: 0 },
        { lane: "latest", rows: 1, bytes: 20 },
      ],
    },
    inbox: { waiting: 4 },
    rss: 1000,
    service: { memory: { anonymous: 500 }, written, suppressed },
  }) as unknown as AgentStatus;

describe("summarize()", () => {
  test("says what there is, and what came since the last one", ({ expect }) => {
    const status = statusWith({ calls: 10, written: 4096 });
    expect(summarize(status, { calls: 7, failures: 1, written: 4000 })).toEqual({
      hub: "online",
      components: "1/2",
      providers: "1/1",
      calls: 3,
      failures: 0,
      waiting: 3,
      waitingBytes: 120,
      critical: 2,
      criticalBytes: 100,
      latest: 1,
      latestBytes: 20,
      inbox: 4,
      rss: 1000,
      anonymous: 500,
      written: 96,
    });
  });

  test("counts a component that was replaced from nothing, and tells what was left out of the log", ({ expect }) => {
    const status = statusWith({ calls: 2, suppressed: 9 });
    const summary = summarize(status, { calls: 100, failures: 50, written: 0 });
    expect(summary).toMatchObject({ calls: 2, failures: 1, written: undefined, suppressedTotal: 9 });
  });
});

test("startSummary() writes a line in each interval until it is disposed", async ({ expect }) => {
  const clock = createFakeClock();
  const lines: LogFields[] = [];
  let calls = 0;
  const summary = startSummary({
    interval: seconds(60),
    read: async () => statusWith({ calls: (calls += 5) }),
    clock,
    log: { ...silentLogger, info: (_message, fields) => void lines.push(fields ?? {}) },
  });
  await clock.advance(seconds(59));
  expect(lines).toHaveLength(0);
  await clock.advance(seconds(121));
  expect(lines.map((fields) => fields["calls"])).toEqual([5, 5, 5]);
  summary[Symbol.dispose]();
  await clock.advance(seconds(600));
  expect(lines).toHaveLength(3);
});

test("startSummary() goes on after one that could not be made", async ({ expect }) => {
  const clock = createFakeClock();
  const lines: unknown[] = [];
  let isFailing = true;
  using _ = startSummary({
    interval: seconds(60),
    read: async () => {
      if (isFailing) throw new Error("the store does not answer");
      return statusWith({ calls: 5 });
    },
    clock,
    log: {
      ...silentLogger,
      info: (message) => void lines.push(message),
      error: (message) => void lines.push(message),
    },
  });
  await clock.advance(seconds(60));
  isFailing = false;
  await clock.advance(seconds(60));
  expect(lines).toEqual(["A summary cannot be written", "Summary"]);
});
