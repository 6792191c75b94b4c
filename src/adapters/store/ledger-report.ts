import type { LedgerEntry } from "../../domain/outbox.ts";
import { millis } from "../../domain/units.ts";
import type { LedgerTable } from "./ledger.ts";
import type { Now } from "./row-age.ts";
import type { RowRecord } from "./row.ts";

/** Where the hub finds what the device gave up: `petiole.<device>.critical.outbox.ledger`. */
export const LEDGER_SUBJECT = "outbox.ledger";
/** What one report tells at most. */
const ENTRIES = 200;

export interface LedgerReport {
  readonly row: RowRecord;
  readonly entries: readonly LedgerEntry[];
}

/**
 * The message that tells the hub of losses, as JSON: `{ "entries": [{ "id", "lane", "from", "to", "count", "bytes",
 * "reason", "wall" }] }`. It goes the way of every critical message, so each loss is told exactly once. Undefined when
 * there is nothing new.
 */
export function createLedgerReport(
  ledger: LedgerTable,
  { seq, now }: { readonly seq: number; readonly now: Now },
): LedgerReport | undefined {
  const entries = ledger.unreported(ENTRIES);
  if (entries.length === 0) return undefined;
  const told = entries.map(({ id, lane, from, to, count, bytes, reason, wall }) => ({
    id,
    lane,
    from,
    to,
    count,
    bytes,
    reason,
    wall,
  }));
  const body = new TextEncoder().encode(JSON.stringify({ entries: told }));
  const row: RowRecord = {
    lane: "critical",
    seq,
    monotonic: millis(Math.round(now.monotonic)),
    wall: millis(Math.round(now.wall)),
    ttl: null,
    owner: "",
    subject: LEDGER_SUBJECT,
    headers: "{}",
    body,
  };
  return { row, entries };
}
