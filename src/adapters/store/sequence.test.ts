import { describe, test } from "vitest";
import { parseTwin, planSequence, RESERVED_AHEAD } from "./sequence.ts";

const newId = (): string => "new";
const acknowledged = { critical: 10, standard: 90, latest: 3, ephemeral: 4 };

describe("planSequence()", () => {
  test("begins at 0 with a new identity when there is nothing", ({ expect }) => {
    const start = planSequence(undefined, undefined, newId);
    expect(start).toEqual({
      storeId: "new",
      lastSeq: 0,
      acknowledged: { critical: 0, standard: 0, latest: 0, ephemeral: 0 },
      gaps: [],
    });
  });

  test("goes on where the database is after a clean shutdown", ({ expect }) => {
    const stored = { storeId: "a", lastSeq: 100, acknowledged };
    const start = planSequence(stored, { storeId: "a", floor: 100, acknowledged }, newId);
    expect(start).toEqual({ ...stored, gaps: [] });
  });

  test("skips to the reserved floor after a crash: commits may have been lost", ({ expect }) => {
    const stored = { storeId: "a", lastSeq: 100, acknowledged };
    const twin = { storeId: "a", floor: 100 + RESERVED_AHEAD, acknowledged };
    expect(planSequence(stored, twin, newId)).toEqual({ ...stored, lastSeq: 100 + RESERVED_AHEAD, gaps: [] });
  });

  test("trusts a database that is ahead of the file", ({ expect }) => {
    const stored = { storeId: "a", lastSeq: 100, acknowledged };
    expect(planSequence(stored, { storeId: "a", floor: 50, acknowledged }, newId).lastSeq).toBe(100);
  });

  test("ignores the file of another store", ({ expect }) => {
    const stored = { storeId: "a", lastSeq: 100, acknowledged };
    expect(planSequence(stored, { storeId: "b", floor: 90_000, acknowledged }, newId)).toEqual({ ...stored, gaps: [] });
  });

  test("keeps identity and count when only the file is left, and names what may be lost", ({ expect }) => {
    expect(planSequence(undefined, { storeId: "a", floor: 100, acknowledged }, newId)).toEqual({
      storeId: "a",
      lastSeq: 100,
      acknowledged,
      gaps: [
        { lane: "critical", from: 11, to: 100 },
        { lane: "standard", from: 91, to: 100 },
      ],
    });
  });

  test("names no loss when everything was acknowledged", ({ expect }) => {
    const twin = { storeId: "a", floor: 100, acknowledged: { critical: 100, standard: 100, latest: 0, ephemeral: 0 } };
    expect(planSequence(undefined, twin, newId).gaps).toEqual([]);
  });

  test("tells an older copy of the database, and names what it lacks", ({ expect }) => {
    const stored = { storeId: "a", lastSeq: 100, acknowledged };
    const floor = 101 + 3 * RESERVED_AHEAD;
    const start = planSequence(stored, { storeId: "a", floor, acknowledged }, newId);
    expect(start.lastSeq).toBe(floor);
    expect(start.gaps).toEqual([
      { lane: "critical", from: 101, to: floor },
      { lane: "standard", from: 101, to: floor },
    ]);
  });
});

describe("parseTwin()", () => {
  test("reads what was written", ({ expect }) => {
    const twin = { storeId: "a", floor: 5, acknowledged };
    expect(parseTwin(JSON.stringify(twin))).toEqual(twin);
  });

  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"storeId":"","floor":1,"acknowledged":{"critical":0,"standard":0,"latest":0,"ephemeral":0}}',
    '{"storeId":"a","floor":-1,"acknowledged":{"critical":0,"standard":0,"latest":0,"ephemeral":0}}',
    '{"storeId":"a","floor":1,"acknowledged":{"critical":0,"standard":0}}',
    '{"storeId":"a","floor":1}',
  ]) {
    test(`is undefined for ${JSON.stringify(text)}`, ({ expect }) => {
      expect(parseTwin(text)).toBeUndefined();
    });
  }
});
