// The table at the end, as text.

import { isExact, type SubjectReport } from "./verify.ts";

export interface Verdict {
  readonly ok: boolean;
  readonly text: string;
}

const HEADING = ["subject", "from", "sent", "arrived", "duplicates", "out of order", "missing", "unexpected"];

/** Columns aligned: words to the left, numbers to the right. `from` names the source of a subject. */
export function formatReport(reports: readonly SubjectReport[], from: (subject: string) => string): string {
  const rows = reports.map((report) =>
    [
      report.subject,
      from(report.subject),
      report.sent,
      report.arrived,
      report.duplicates,
      report.outOfOrder,
      report.missing.length,
      report.unexpected,
    ].map(String),
  );
  const widths = HEADING.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  return [HEADING, widths.map((width) => "─".repeat(width)), ...rows]
    .map((row) => row.map((cell, column) => pad(cell, column, widths[column] ?? 0)).join("  "))
    .map((line) => line.trimEnd())
    .join("\n");
}

/** One line that says whether everything arrived exactly once and in order, or what did not. */
export function judge(reports: readonly SubjectReport[]): Verdict {
  const sent = sum(reports, (report) => report.sent);
  if (sent === 0) return { ok: false, text: "Nothing was sent, so nothing is proved" };
  const wrong = reports.filter((report) => !isExact(report));
  if (wrong.length > 0) return { ok: false, text: wrong.map(describeFaults).join("; ") };
  return { ok: true, text: `All ${sent} messages arrived exactly once and in order` };
}

function describeFaults(report: SubjectReport): string {
  const { subject, missing, duplicates, outOfOrder, unexpected } = report;
  const faults = [
    missing.length > 0 && `${missing.length} missing (${listCounts(missing)})`,
    duplicates > 0 && `${duplicates} duplicates`,
    outOfOrder > 0 && `${outOfOrder} out of order`,
    unexpected > 0 && `${unexpected} unexpected`,
  ];
  return `${subject}: ${faults.filter((fault) => fault !== false).join(", ")}`;
}

const LISTED = 5;
const listCounts = (counts: readonly number[]): string =>
  counts.length > LISTED ? `${counts.slice(0, LISTED).join(", ")}, …` : counts.join(", ");

const pad = (cell: string, column: number, width: number): string =>
  column < 2 ? cell.padEnd(width) : cell.padStart(width);

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
