import { describe, test } from "vitest";
import { bodyOf, createPromiseKeeper, labelOf, type Mark, type Promises } from "./marks.ts";
import { findProblems, type Found } from "./verdict.ts";

const MARKS: readonly Mark[] = [
  { kind: "opened" },
  { kind: "durable", lane: "critical", seq: 1, label: "c1" },
  { kind: "accepted", lane: "standard", seq: 2, label: "s1" },
  { kind: "accepted", lane: "standard", seq: 3, label: "s2" },
  { kind: "flushing", id: "f" },
  { kind: "accepted", lane: "standard", seq: 4, label: "s3" },
  { kind: "flushed", id: "f" },
  { kind: "raising", tally: "counter", value: 1 },
  { kind: "raised", tally: "counter", value: 1 },
  { kind: "raising", tally: "counter", value: 2 },
];

function promisesOf(...marks: readonly Mark[]): Promises {
  const keeper = createPromiseKeeper();
  for (const mark of marks) keeper.add(mark);
  return keeper.snapshot();
}

/** What a store shows that kept all of it. */
const GOOD: Found = {
  lanes: {
    critical: { rows: [{ seq: 1, label: "c1" }], acknowledged: 0, counted: 1 },
    standard: {
      rows: [
        { seq: 2, label: "s1" },
        { seq: 3, label: "s2" },
      ],
      acknowledged: 0,
      counted: 2,
    },
  },
  ledger: [],
  tallies: { key: 0, counter: 1, state: 0 },
  countedOn: 2,
  next: [8192, 8193],
  complaints: [],
  integrity: { "petiole.db": "ok" },
  files: ["petiole.db"],
};

const standard = (rows: Found["lanes"]["standard"]["rows"], acknowledged = 0): Pick<Found, "lanes"> => ({
  lanes: { ...GOOD.lanes, standard: { rows, acknowledged, counted: rows.length } },
});

describe("findProblems()", () => {
  const promises = promisesOf(...MARKS);
  const problemsOf = (change: Partial<Found>): readonly string[] => findProblems(promises, { ...GOOD, ...change });

  test("has none for a store that kept its word", ({ expect }) => {
    expect(problemsOf({})).toEqual([]);
  });

  test("finds a loss: of what was durable, or flushed; not of what was only accepted", ({ expect }) => {
    expect(problemsOf({ lanes: { ...GOOD.lanes, critical: { rows: [], acknowledged: 0, counted: 0 } } })).toEqual([
      "critical 1 is lost: c1",
    ]);
    expect(problemsOf(standard([{ seq: 2, label: "s1" }]))).toEqual(["standard 3 is lost: s2"]);
  });

  test("takes what the ledger has as dropped for gone, on standard only", ({ expect }) => {
    const entry = { from: 1, to: 3, reason: "cap" } as const;
    expect(problemsOf({ ...standard([]), ledger: [{ ...entry, lane: "standard" }] })).toEqual([]);
    const lanes = { ...GOOD.lanes, critical: { rows: [], acknowledged: 0, counted: 0 } };
    expect(problemsOf({ lanes, ledger: [{ ...entry, lane: "critical" }] })).toEqual(["critical 1 is lost: c1"]);
  });

  test("finds what is damaged, mixed up, twice, out of order or miscounted", ({ expect }) => {
    const [s1, s2] = [
      { seq: 2, label: "s1" },
      { seq: 3, label: "s2" },
    ];
    expect(problemsOf(standard([{ seq: 2, label: undefined }, s2]))).toEqual(["standard 2 is damaged, was s1"]);
    expect(problemsOf(standard([{ seq: 2, label: "c1" }, s2]))).toEqual(["standard 2 is c1, was s1"]);
    expect(problemsOf(standard([s2, s1]))).toEqual(["standard 2 is out of order"]);
    expect(problemsOf(standard([s1, s2, { seq: 4, label: "s2" }]))).toEqual([
      "standard 4 is s2, was s3",
      "standard has a message twice",
    ]);
    const lanes = { ...GOOD.lanes, standard: { ...GOOD.lanes.standard, counted: 5 } };
    expect(problemsOf({ lanes })).toEqual(["standard has 2 rows and counts 5"]);
  });

  test("knows what an acknowledgement allows, and what it promises once it was flushed", ({ expect }) => {
    const asked: Mark = { kind: "acknowledging", lane: "standard", seq: 3 };
    const gone = { ...GOOD, ...standard([]) };
    expect(findProblems(promisesOf(...MARKS, asked), gone)).toEqual([]);
    expect(findProblems(promisesOf(...MARKS, asked), GOOD)).toEqual([]);
    const flushed: readonly Mark[] = [asked, { kind: "flushing", id: "g" }, { kind: "flushed", id: "g" }];
    // The flush also covers the message with sequence 4.
    const rest = [{ seq: 4, label: "s3" }];
    expect(findProblems(promisesOf(...MARKS, ...flushed), { ...GOOD, ...standard(rest, 3) })).toEqual([]);
    expect(findProblems(promisesOf(...MARKS, ...flushed), { ...GOOD, ...standard(rest, 2) })).toEqual([
      "standard is acknowledged up to 2, was 3",
    ]);
    expect(
      findProblems(promisesOf(...MARKS, ...flushed), { ...GOOD, ...standard([{ seq: 3, label: "s2" }, ...rest], 3) }),
    ).toEqual(["standard 3 is offered again: it was acknowledged"]);
  });

  test("what waited in the memory of a process that was killed is not promised by the next one's flush", ({
    expect,
  }) => {
    const later: readonly Mark[] = [{ kind: "opened" }, { kind: "flushing", id: "g" }, { kind: "flushed", id: "g" }];
    expect(findProblems(promisesOf(...MARKS, ...later), GOOD)).toEqual([]);
  });

  test("finds a value that is older than promised, or newer than possible", ({ expect }) => {
    expect(problemsOf({ tallies: { ...GOOD.tallies, counter: 0 }, countedOn: 1 })).toEqual([
      "counter is 0, want 1 to 2",
    ]);
    expect(problemsOf({ tallies: { ...GOOD.tallies, counter: 2 }, countedOn: 3 })).toEqual([]);
    expect(problemsOf({ tallies: { ...GOOD.tallies, counter: 3 }, countedOn: 4 })).toEqual([
      "counter is 3, want 1 to 2",
    ]);
    expect(problemsOf({ countedOn: 1 })).toEqual(["the counter goes from 1 to 1"]);
  });

  test("finds a sequence that is used again", ({ expect }) => {
    expect(problemsOf({ next: [3, 4] })).toEqual(["sequence 3 is used again: 3 was seen"]);
    expect(problemsOf({ next: [9, 9] })).toEqual(["sequence 9 is used again: 9 was seen"]);
    const offered = promisesOf(...MARKS, { kind: "offered", lane: "standard", seq: 4 });
    expect(findProblems(offered, { ...GOOD, next: [4, 5] })).toEqual(["sequence 4 is used again: 4 was seen"]);
  });

  test("finds complaints, damage, databases moved aside and rows given up", ({ expect }) => {
    expect(problemsOf({ complaints: ["damaged"] })).toHaveLength(1);
    expect(problemsOf({ integrity: { "petiole.db": "row 3 missing" } })).toHaveLength(1);
    expect(problemsOf({ files: ["petiole.db", "petiole.db.corrupt-1"] })).toHaveLength(1);
    expect(problemsOf({ ledger: [{ lane: "critical", from: 2, to: 9, reason: "unknown" }] })).toHaveLength(1);
    expect(problemsOf({ ledger: [{ lane: "critical", from: 9, to: 9, reason: "corrupt" }] })).toHaveLength(1);
  });

  test("finds alarms for nothing, and sequences used again that only memory knew", ({ expect }) => {
    expect(problemsOf({ ledger: [{ lane: "critical", from: 4, to: 9, reason: "unknown" }] })).toHaveLength(1);
    expect(problemsOf({ next: [4, 5] })).toHaveLength(1);
  });
});

describe("labelOf()", () => {
  test("reads the label of an intact body, and of no other", ({ expect }) => {
    for (let n = 0; n < 200; n += 1) {
      const body = bodyOf(`1-standard-${n}`);
      expect(labelOf(body)).toBe(`1-standard-${n}`);
      const broken = body.slice();
      broken[n % broken.length] = 0;
      expect(labelOf(broken)).toBeUndefined();
      expect(labelOf(body.subarray(1))).toBeUndefined();
    }
  });
});
