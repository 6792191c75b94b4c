// When the health of providers is reported. Pure.

import type { ProviderStatus } from "../../../domain/status.ts";
import type { Millis } from "../../../domain/units.ts";

export interface HealthRecord {
  readonly healthy: boolean;
  readonly dueAt: number;
}

export interface HealthReport {
  readonly provider: string;
  readonly name: "health_check_passed" | "health_check_failed" | "health_check_status";
}

export interface HealthIntervals {
  /** From the start of a provider to its first report. */
  readonly first: Millis;
  readonly period: Millis;
}

/** What is to be reported at `now`, and what to remember of it. A provider counts as unhealthy until its first report. */
export function reportHealth(
  records: ReadonlyMap<string, HealthRecord>,
  providers: readonly Pick<ProviderStatus, "id" | "state" | "report">[],
  now: number,
  { first, period }: HealthIntervals,
): { readonly records: ReadonlyMap<string, HealthRecord>; readonly reports: readonly HealthReport[] } {
  const next = new Map<string, HealthRecord>();
  const reports: HealthReport[] = [];
  for (const { id, state, report } of providers) {
    const record = records.get(id);
    const healthy = state === "running" && report?.healthy !== false;
    if (record === undefined) {
      if (state === "running") next.set(id, { healthy: false, dueAt: now + first });
      continue;
    }
    // A process that has not said so, or whose answer cannot be read, is nothing to tell of.
    if (state === "running" && report !== undefined && report.healthy === undefined) {
      next.set(id, record);
      continue;
    }
    if (now < record.dueAt && (healthy || !record.healthy)) {
      next.set(id, record);
      continue;
    }
    const name =
      healthy === record.healthy ? "health_check_status" : healthy ? "health_check_passed" : "health_check_failed";
    reports.push({ provider: id, name });
    next.set(id, { healthy, dueAt: now + period });
  }
  return { records: next, reports };
}
