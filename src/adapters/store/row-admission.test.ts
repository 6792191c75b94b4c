import { describe, test } from "vitest";
import type { Lane } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import { admitRows, type Admitted } from "./row-admission.ts";
import type { RowGroup } from "./protocol.ts";
import { costOf, makeRecord, type RowRecord } from "./row.ts";

const row = (lane: Lane, seq: number): RowRecord =>
  makeRecord(
    { lane, subject: "s", body: new Uint8Array(100), headers: {} },
    { seq, monotonic: millis(0), wall: millis(0), ttl: null },
  );
const COST = costOf(row("critical", 1));

const group = (...seqs: number[]): RowGroup => ({ seqs, note: { kind: "put-state", name: "n", value: seqs.join() } });

const brief = ({ rows, refused, cost, notes }: Admitted): unknown => ({
  rows: rows.map(({ seq }) => seq),
  refused,
  cost: cost / COST,
  notes: notes.map((note) => ("value" in note ? note.value : undefined)),
});

describe("admitRows()", () => {
  test("refuses critical rows beyond the room, and no others", ({ expect }) => {
    const rows = [row("critical", 1), row("standard", 2), row("critical", 3), row("critical", 4)];
    expect(brief(admitRows({ rows, groups: [] }, 2 * COST))).toEqual({
      rows: [1, 2, 3],
      refused: [4],
      cost: 3,
      notes: [],
    });
    expect(brief(admitRows({ rows, groups: [] }, -1))).toMatchObject({ rows: [2], refused: [1, 3, 4] });
  });

  test("takes rows that belong together as a whole or not at all", ({ expect }) => {
    const rows = [row("standard", 1), row("critical", 2), row("standard", 3), row("critical", 4), row("standard", 5)];
    const groups = [group(1, 2), group(3, 4)];
    expect(brief(admitRows({ rows, groups }, COST))).toEqual({
      rows: [1, 2, 5],
      refused: [4, 3],
      cost: 3,
      notes: ["1,2"],
    });
  });
});
