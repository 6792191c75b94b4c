import { LANES, type OutboxStats } from "../domain/outbox.ts";
import type { DrainReport, LaneLeft } from "../domain/outbox-report.ts";
import { millis } from "../domain/units.ts";
import type { ForwarderControl, OutboxSource } from "../host/ports.ts";
import { anyWaits } from "../host/waiting-rows.ts";
import type { Clock } from "../lib/clock.ts";
import type { OutboxMeters } from "./outbox-meters.ts";

export interface DrainDeps {
  readonly source: OutboxSource;
  readonly stats: () => Promise<OutboxStats>;
  readonly flush: () => Promise<void>;
  readonly forwarder: Pick<ForwarderControl, "lift">;
  readonly accepted: OutboxMeters["accepted"];
  readonly paused: () => boolean;
  readonly clock: Clock;
}

/** Also what tells the asker that the agent is still there. */
const PAUSE = millis(500);

/**
 * Lifts the limit of the forwarder's rate for what waits now, and with `wait` resolves when all of that has been
 * delivered or is in the ledger.
 */
export async function drainOutbox(
  deps: DrainDeps,
  { wait }: { readonly wait: boolean },
  report: (progress: DrainReport) => void,
  signal: AbortSignal,
): Promise<DrainReport> {
  await deps.flush();
  const begin = await deps.stats();
  const lanes = begin.lanes.map(({ lane, rows }) => ({ lane, rows, accepted: deps.accepted(lane) }));
  deps.forwarder.lift();

  const look = async (): Promise<DrainReport> => {
    const now = await deps.stats();
    const left: LaneLeft[] = [];
    for (const lane of LANES) {
      if (!(await anyWaits(deps.source, lane, begin.lastSeq))) continue;
      const before = lanes.find((one) => one.lane === lane);
      const rows = now.lanes.find((one) => one.lane === lane)?.rows ?? 0;
      // Those that came in meanwhile wait behind those that are counted.
      const newer = deps.accepted(lane) - (before?.accepted ?? 0);
      left.push({ lane, rows: Math.max(1, Math.min(rows - newer, before?.rows ?? rows)) });
    }
    return { left, paused: deps.paused() };
  };

  for (;;) {
    const progress = await look();
    if (!wait || progress.left.length === 0) return progress;
    report(progress);
    await deps.clock.sleep(PAUSE, signal);
  }
}
