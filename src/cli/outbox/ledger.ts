import { askAgent } from "../../adapters/control/client.ts";
import type { Lane, LedgerEntry } from "../../domain/outbox.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { formatBytes, formatTable } from "../table.ts";

export interface LedgerOptions extends AgentOptions {
  readonly lane?: Lane;
  readonly since?: number;
  readonly limit?: number;
}

/** `petiole outbox ledger` */
export async function outboxLedger(options: LedgerOptions): Promise<void> {
  const { lane, since, limit } = options;
  const entries = await askAgent(await socketOf(options), "outbox-ledger", { params: { lane, since, limit } });
  if (options.json === true) printAnswer(options, { entries }, String);
  else printAnswer(options, entries, formatLedger);
}

function formatLedger(entries: readonly LedgerEntry[]): string {
  if (entries.length === 0) return "nothing was lost";
  const rows = entries.map(({ id, lane, from, to, count, bytes, reason, wall }) => [
    String(id),
    new Date(wall).toISOString(),
    lane,
    reason,
    String(count),
    formatBytes(bytes),
    from === to ? String(from) : `${from} to ${to}`,
  ]);
  return formatTable([["ID", "LAST CHANGE", "LANE", "REASON", "MESSAGES", "SIZE", "SEQUENCES"], ...rows]);
}
