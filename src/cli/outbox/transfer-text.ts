import type { ExportReport, ImportReport, TransferTotals } from "../../domain/outbox-report.ts";
import { formatAge, formatBytes, formatTable } from "../table.ts";

/** `petiole outbox export` for people. `now` is Unix time in milliseconds: the device's own, for ages. */
export function formatExport(report: ExportReport, now: number): string {
  const { file, rows, size, dryRun, completed, replaced } = report;
  if (rows === 0) return "nothing waits, no file was made";
  const messages = `${rows} messages`;
  const done = dryRun
    ? `would export ${messages} to ${file}, ${formatBytes(size)}; nothing was changed`
    : `${messages} are in ${file}, ${formatBytes(size)}, and are no longer this device's to deliver`;
  const earlier = `an export that was broken off ${dryRun ? "would be" : "was"} finished: its messages had been handed over`;
  const partial = `an unfinished ${file}.partial, which had nothing handed over to it, ${dryRun ? "would be" : "was"} replaced`;
  return [...(completed ? [earlier] : []), ...(replaced ? [partial] : []), done, "", formatTotals(report, now)].join(
    "\n",
  );
}

/** `petiole outbox import` for people. Ages are by the clock of the device that exported. */
export function formatImport(report: ImportReport): string {
  const { file, rows, device, madeAt, dryRun, before, imported } = report;
  const when = new Date(madeAt).toISOString();
  const continued = before > 0 ? `, ${before} of them by a run before` : "";
  const done = dryRun
    ? `would import ${rows - before} of ${rows} messages${continued}; the file is whole, nothing was changed`
    : `imported ${imported} of ${rows} messages${continued}`;
  return [done, `${file}: exported by ${device} at ${when} by its own clock`, "", formatTotals(report, madeAt)].join(
    "\n",
  );
}

function formatTotals({ lanes, oldest }: TransferTotals, now: number): string {
  const rows = lanes.map(({ lane, rows, bytes }) => [lane, String(rows), formatBytes(bytes)]);
  const age = oldest === undefined ? "" : `\n  the oldest was ${formatAge(Math.max(0, now - oldest) / 1000)} old`;
  return `${formatTable([["LANE", "MESSAGES", "SIZE"], ...rows])}${age}`;
}
