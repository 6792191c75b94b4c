import { describe, test } from "vitest";
import * as fc from "fast-check";
import { isExact, verify, verifyLanes, type Message } from "./verify.ts";

const boiler = (seq: number, value = seq * 10): Message => ({ subject: "readings.boiler", seq, value });
const button = (seq: number): Message => ({ subject: "events.button", seq });

describe("verify()", () => {
  test("finds nothing wrong when everything arrived once and in order, subjects interleaved", ({ expect }) => {
    const reports = verify([boiler(1), boiler(2), button(1)], [boiler(1), button(1), boiler(2)]);
    expect(reports).toEqual([
      { subject: "readings.boiler", sent: 2, arrived: 2, duplicates: 0, outOfOrder: 0, missing: [], unexpected: 0 },
      { subject: "events.button", sent: 1, arrived: 1, duplicates: 0, outOfOrder: 0, missing: [], unexpected: 0 },
    ]);
    expect(reports.every(isExact)).toBe(true);
  });

  test.for([
    ["a missing message", [boiler(1), boiler(3)], { arrived: 2, missing: [2] }],
    ["a duplicate", [boiler(1), boiler(2), boiler(2), boiler(3)], { arrived: 3, duplicates: 1, outOfOrder: 0 }],
    ["two messages that changed places", [boiler(2), boiler(1), boiler(3)], { arrived: 3, outOfOrder: 1 }],
    ["a message with another value", [boiler(1), boiler(2, 7), boiler(3)], { missing: [2], unexpected: 1 }],
    ["a message that was never sent", [boiler(1), boiler(2), boiler(3), boiler(4)], { arrived: 3, unexpected: 1 }],
  ] as const)("sees %s", ([, stored, wanted], { expect }) => {
    const [report] = verify([boiler(1), boiler(2), boiler(3)], stored);
    expect(report).toMatchObject(wanted);
    expect(report !== undefined && isExact(report)).toBe(false);
  });

  test("reports a subject on which nothing was sent", ({ expect }) => {
    expect(verify([], [button(1)])).toMatchObject([{ subject: "events.button", sent: 0, unexpected: 1 }]);
  });

  test("accounts for each sent and each stored message exactly once", ({ expect }) => {
    const counts = fc.array(fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), counts, (sent, stored) => {
        const messages = stored.map((seq) => boiler(seq));
        const [report] = verify(
          sent.map((seq) => boiler(seq)),
          messages,
        );
        expect((report?.arrived ?? 0) + (report?.missing.length ?? 0)).toBe(sent.length);
        expect((report?.arrived ?? 0) + (report?.duplicates ?? 0) + (report?.unexpected ?? 0)).toBe(stored.length);
      }),
    );
  });
});

test("verifyLanes() finds what is not in the order of its lane", ({ expect }) => {
  const lanes = (...messages: readonly [lane: string, order: number][]) =>
    verifyLanes(messages.map(([lane, order]) => ({ lane, order })));
  expect(lanes(["critical", 1], ["standard", 2], ["standard", 5], ["critical", 4])).toEqual([
    { lane: "critical", messages: 2, outOfOrder: 0 },
    { lane: "standard", messages: 2, outOfOrder: 0 },
  ]);
  expect(lanes(["standard", 3], ["standard", 2], ["standard", 2], ["standard", 4], ["standard", Number.NaN])).toEqual([
    { lane: "standard", messages: 5, outOfOrder: 3 },
  ]);
});
