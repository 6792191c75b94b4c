import { describe, test } from "vitest";
import { bytes } from "../../domain/units.ts";
import { createLaneWindow, type LaneWindow } from "./lane-window.ts";

const LIMIT = { rows: 8, bytes: bytes(800) };

function open(size = 8, laneSeq = 100): LaneWindow {
  return createLaneWindow({ limit: LIMIT, size, laneSeq });
}

function push(window: LaneWindow, ...seqs: number[]): unknown[] {
  return seqs.map((seq) => window.push({ seq, messageId: `m${seq}`, bytes: 10 }));
}

const at = (hubSeq: number) => ({ kind: "stored", hubSeq, duplicate: false }) as const;
const UNEXPECTED = { kind: "unexpected" } as const;

describe("createLaneWindow()", () => {
  test("anchors the first message in the lane and chains the others to the one before", ({ expect }) => {
    expect(push(open(), 1, 2, 5)).toEqual([
      { kind: "anchor", laneSeq: 100 },
      { kind: "chain", messageId: "m1" },
      { kind: "chain", messageId: "m2" },
    ]);
  });

  test("anchors at the last stored message once nothing is in flight", ({ expect }) => {
    const window = open();
    push(window, 1, 2);
    window.settle(2, at(202));
    expect(window.stored()).toBeUndefined();
    window.settle(1, at(201));
    expect([window.stored()?.seq, window.inFlight()]).toEqual([2, 0]);
    expect(push(window, 3)).toEqual([{ kind: "anchor", laneSeq: 202 }]);
  });

  test("rewinds to the last stored message when the chain broke", ({ expect }) => {
    const window = open();
    push(window, 1, 2, 3);
    window.settle(2, UNEXPECTED);
    expect(window.step()).toEqual({ kind: "settling" });
    expect(window.room()).toBeUndefined();
    window.settle(1, at(101));
    window.settle(3, UNEXPECTED);
    expect(window.step()).toEqual({ kind: "rewind", after: 1 });
    expect([window.size(), window.inFlight(), window.step()]).toEqual([8, 0, { kind: "continue" }]);
    expect(push(window, 2)).toEqual([{ kind: "anchor", laneSeq: 101 }]);
  });

  test("sends in bursts once a chain broke, until eight went through", ({ expect }) => {
    const window = open();
    push(window, 1, 2);
    window.settle(1, at(101));
    window.settle(2, UNEXPECTED);
    window.step();
    for (let seq = 2; seq <= 9; seq++) {
      expect(window.room()).toBeDefined();
      push(window, seq);
      expect(window.room(), `behind ${seq}`).toBeUndefined();
      window.settle(seq, at(100 + seq));
    }
    push(window, 10);
    expect(window.room()).toBeDefined();
  });

  test("asks for twice as many calm bursts each time it broke again", ({ expect }) => {
    const window = open();
    let seq = 1;
    const burstsUntilSliding = (): number => {
      push(window, seq, seq + 1);
      window.settle(seq, at(100 + seq));
      window.settle(seq + 1, UNEXPECTED);
      window.step();
      for (let bursts = 0; ; bursts++) {
        seq += 1;
        push(window, seq);
        if (window.room() !== undefined) return bursts;
        window.settle(seq, at(100 + seq));
      }
    };
    const counts: number[] = [];
    for (let round = 0; round < 3; round++) {
      counts.push(burstsUntilSliding());
      window.settle(seq, at(100 + seq));
      seq += 1;
    }
    expect(counts).toEqual([8, 16, 32]);
  });

  test("halves the window when a burst breaks as well", ({ expect }) => {
    const window = open();
    const sizes: number[] = [];
    for (let round = 0; round < 5; round++) {
      const first = round + 1;
      push(window, first, first + 1);
      window.settle(first, at(100 + 2 * first));
      window.settle(first + 1, UNEXPECTED);
      expect(window.step()).toEqual({ kind: "rewind", after: first });
      sizes.push(window.size());
    }
    expect(sizes).toEqual([8, 4, 2, 1, 1]);
  });

  test("asks the hub when an anchor did not hold", ({ expect }) => {
    const window = open();
    push(window, 1, 2);
    window.settle(1, UNEXPECTED);
    window.settle(2, UNEXPECTED);
    expect(window.step()).toEqual({ kind: "resume" });
  });

  test("asks the hub when a message landed behind one that did not", ({ expect }) => {
    const window = open();
    push(window, 1, 2, 3);
    window.settle(1, at(101));
    window.settle(2, UNEXPECTED);
    window.settle(3, at(150));
    expect(window.step()).toEqual({ kind: "resume" });
  });

  test("refuses the one message that the hub never takes and goes on after it", ({ expect }) => {
    const window = open();
    push(window, 1, 2, 3);
    window.settle(1, at(101));
    window.settle(2, { kind: "refused", reason: "too large" });
    window.settle(3, UNEXPECTED);
    expect(window.step()).toEqual({ kind: "refuse", seq: 2, bytes: 10, reason: "too large" });
    expect(push(window, 3)).toEqual([{ kind: "anchor", laneSeq: 101 }]);
  });

  test("gives room by rows and by bytes, and lets a message of any size go alone", ({ expect }) => {
    const window = open();
    expect(window.room()).toEqual({ rows: 8, bytes: 800 });
    window.push({ seq: 1, messageId: "m1", bytes: 300 });
    expect(window.room()).toEqual({ rows: 7, bytes: 500 });
    window.push({ seq: 2, messageId: "m2", bytes: 500 });
    expect(window.room()).toBeUndefined();
    const other = open();
    expect(other.room()).toBeDefined();
    other.push({ seq: 1, messageId: "m1", bytes: 5000 });
    expect(other.room()).toBeUndefined();
    other.settle(1, at(101));
    expect(other.room()).toBeDefined();
  });

  test("shrinks bytes with rows, grows by one with each stored message and stays within its limit", ({ expect }) => {
    const window = open(1);
    expect(window.room()).toEqual({ rows: 1, bytes: 100 });
    for (let seq = 1; seq <= 20; seq++) {
      push(window, seq);
      window.settle(seq, at(100 + seq));
    }
    expect([window.size(), window.room()]).toEqual([8, { rows: 8, bytes: 800 }]);
  });

  test("takes no second answer and none for a message that is not in flight", ({ expect }) => {
    const window = open();
    push(window, 1, 2);
    window.settle(9, UNEXPECTED);
    window.settle(1, at(101));
    window.settle(1, UNEXPECTED);
    expect([window.step(), window.inFlight(), window.oldest()]).toEqual([{ kind: "continue" }, 1, 2]);
  });
});
