import { describe, test } from "vitest";
import { createLedgerReport } from "./ledger-report.ts";
import { createLedgerTable, type LedgerTable } from "./ledger.ts";
import { migrate } from "./schema.ts";
import { openDatabase } from "./sqlite.ts";

const AT = { seq: 77, now: { wall: 1000.4, monotonic: 20.6, synced: true } };

function createLedger(losses: number): LedgerTable {
  const db = openDatabase(":memory:", { busyTimeout: 0 });
  migrate(db);
  const ledger = createLedgerTable(db);
  for (let n = 1; n <= losses; n += 1) {
    const loss = { lane: "standard", from: n * 10, to: n * 10 + 1, count: 2, bytes: 300, reason: "cap" } as const;
    ledger.record(loss, 5, { acknowledged: 0, hasBetween: () => true });
  }
  return ledger;
}

describe("createLedgerReport()", () => {
  test("says nothing when there is nothing new", ({ expect }) => {
    expect(createLedgerReport(createLedger(0), AT)).toBeUndefined();
  });

  test("tells what was lost, as whoever reads the hub's stream expects it", ({ expect }) => {
    const report = createLedgerReport(createLedger(1), AT);
    expect(report?.row).toMatchObject({ lane: "critical", seq: 77, subject: "outbox.ledger", ttl: null, owner: "" });
    expect([report?.row.wall, report?.row.monotonic]).toEqual([1000, 21]);
    expect(JSON.parse(new TextDecoder().decode(report?.row.body))).toEqual({
      entries: [{ id: 1, lane: "standard", from: 10, to: 11, count: 2, bytes: 300, reason: "cap", wall: 5 }],
    });
  });

  test("tells much in parts, each loss once", ({ expect }) => {
    const ledger = createLedger(450);
    const told: number[] = [];
    for (let report = createLedgerReport(ledger, AT); report !== undefined; report = createLedgerReport(ledger, AT)) {
      expect(report.row.body.length).toBeLessThan(64 * 1024);
      told.push(...report.entries.map(({ id }) => id));
      ledger.markReported(report.entries);
    }
    expect(told).toEqual(Array.from({ length: 450 }, (_, index) => index + 1));
  });
});
