import type { LaneStats } from "../domain/outbox.ts";

/** Columns aligned to their longest cell; the first row is the heading. Plain text, for a terminal or a pipe. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `312 B`, `4.2 KiB`, `17 MiB`. */
export function formatBytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Of the oldest message that waits, if any does; `?` when its age is not known, because a clock was not set. */
export function formatOldest({ oldest, oldestAge }: Pick<LaneStats, "oldest" | "oldestAge">): string {
  if (oldest === undefined) return "-";
  return oldestAge === undefined ? "?" : formatAge(oldestAge / 1000);
}

/** `45 s`, `12 min`, `3.4 h`, `2.0 d`. */
export function formatAge(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(1)} d`;
}
