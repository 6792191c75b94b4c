// Contract: the chaos test runs, on this machine and with what it has, and the agent keeps its word through a few rounds
// of it. `npm run test:chaos` does many (docs/testing.md).

import { describe, test } from "vitest";
import { LANES } from "../../src/domain/outbox.ts";
import { describeReport, runChaos } from "../chaos/rounds.ts";
import { findMeans } from "../chaos/run.ts";

const ROUNDS = 3;
const means = await findMeans();

// One seed for each mode: even numbers make a leaf node.
describe.each([
  ["leaf", 2],
  ["direct", 1],
])("a device in %s mode", (mode, seed) => {
  test(`keeps its word over ${ROUNDS} rounds of faults (seed ${seed})`, async ({ expect }) => {
    const lines: string[] = [];
    const report = await runChaos({ seed, rounds: ROUNDS, means, say: (line) => void lines.push(line) });
    expect(report.failures, lines.join("\n")).toEqual([]);
    expect(report.rounds).toBe(ROUNDS);
    expect(lines[0]).toContain(mode);
    expect([...report.faults.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(ROUNDS);
    for (const lane of LANES) {
      expect(report.lanes[lane].accepted).toBeGreaterThan(0);
      expect(report.lanes[lane].delivered).toBeGreaterThan(0);
    }
    expect(describeReport(report)[0]).toBe(`${ROUNDS} rounds, 0 failed`);
  });
});
