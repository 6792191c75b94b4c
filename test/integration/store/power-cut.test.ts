// Power cuts at any point of a run lose nothing that the store had promised. A run under load is recorded operation by
// operation; what the disk may show after each of many points is opened and judged (docs/testing.md).

import { beforeAll, describe, test } from "vitest";
import { createRandom } from "../../faults/random.ts";
import type { FileRecord } from "../../faults/records.ts";
import { parseMark } from "../../faults/marks.ts";
import { describeFailures, planCuts, recordLoad, runCuts, type CutResult } from "../../faults/power-cut.ts";
import { buildFaultShim } from "../../support/fault-shim.ts";
import { skipping } from "../../support/skip.ts";

const CUTS = 60;
const LIARS = 12;
// In the title of the tests: `npm run test:power-cut -- --seed N` does the same again.
const seed = Math.floor(Math.random() * 1e6);

const shim = buildFaultShim();
const mayNot = skipping("missing" in shim, "the power cuts", "missing" in shim ? shim.missing : "");

describe.skipIf(mayNot)(`a recorded run of the store (seed ${seed})`, () => {
  let records: readonly FileRecord[] = [];
  beforeAll(async () => {
    records = await recordLoad(seed);
  });

  const count = (kind: FileRecord["kind"]): number => records.filter((record) => record.kind === kind).length;
  /** The last points of the run: there is most to lose. */
  const cutLate = async (altered: readonly FileRecord[]): Promise<readonly CutResult[]> => {
    const random = createRandom(seed);
    const cuts = Array.from({ length: LIARS }, (_, index) => ({
      at: altered.length - LIARS + index,
      style: index % 2 === 0 ? ("none" as const) : ("mixed" as const),
    }));
    return await runCuts(altered, cuts, random);
  };

  test("has all that a power cut could hit", ({ expect }) => {
    const marks = new Set(records.flatMap((record) => (record.kind === "mark" ? [parseMark(record.text).kind] : [])));
    expect([...marks].sort()).toEqual([
      "accepted",
      "acknowledging",
      "durable",
      "flushed",
      "flushing",
      "offered",
      "opened",
      "raised",
      "raising",
    ]);
    expect(count("write")).toBeGreaterThan(1000);
    expect(count("sync")).toBeGreaterThan(100);
    expect(count("sync-folder")).toBeGreaterThan(5);
    expect(count("sync-failed")).toBeGreaterThan(0);
    expect(count("rename")).toBeGreaterThan(5);
    expect(count("truncate") + count("unlink")).toBeGreaterThan(5);
  });

  test(`keeps every promise over ${CUTS} power cuts`, async ({ expect }) => {
    const random = createRandom(seed);
    const results = await runCuts(records, planCuts(records, CUTS, random), random);
    expect(results).toHaveLength(CUTS);
    expect(results.filter(({ unsettled }) => unsettled.content > 0).length).toBeGreaterThan(CUTS / 4);
    expect(describeFailures(results)).toEqual([]);
  });

  test("is caught when the disk flushes no file: as with synchronous=OFF", async ({ expect }) => {
    const results = await cutLate(records.filter(({ kind }) => kind !== "sync"));
    const lost = results.filter(({ problems }) => problems.length > 0);
    // Not each of them: a disk may have written all of it by itself.
    expect(lost.filter(({ style }) => style === "none")).toHaveLength(LIARS / 2);
  });

  test("is caught when the last sixty flushes are missing", async ({ expect }) => {
    const syncs = records.flatMap(({ kind }, at) => (kind === "sync" ? [at] : []));
    const last = syncs.at(-60) ?? 0;
    const results = await cutLate(records.filter(({ kind }, at) => kind !== "sync" || at < last));
    expect(results.filter(({ style, problems }) => style === "none" && problems.length > 0)).toHaveLength(LIARS / 2);
  });

  test("is caught when the disk flushes no folder", async ({ expect }) => {
    const results = await cutLate(records.filter(({ kind }) => kind !== "sync-folder"));
    expect(results.some(({ problems }) => problems.length > 0)).toBe(true);
  });
});
