import type { ChipReport, LineLevel, WatchedEdge } from "../../../providers/index.ts";
import { formatTable } from "../table.ts";

export function formatChips(chips: readonly ChipReport[]): string {
  if (chips.length === 0) return "this machine has no GPIO chip";
  return chips.map(formatChip).join("\n\n");
}

function formatChip({ name, label, lines }: ChipReport): string {
  const rows = lines.map(({ offset, name: line, direction, usedBy, ...settings }) => [
    String(offset),
    line === "" ? "-" : line,
    direction,
    usedBy ?? "-",
    [
      ...(settings.activeLow ? ["active low"] : []),
      ...(settings.bias === "as-is" ? [] : [settings.bias === "disabled" ? "no bias" : settings.bias]),
      ...(settings.drive === "push-pull" ? [] : [settings.drive]),
      ...(settings.edges === "none" ? [] : [`edges ${settings.edges}`]),
      ...(settings.debounce === 0 ? [] : [`debounce ${settings.debounce} ms`]),
    ].join(", "),
  ]);
  const table = formatTable([["LINE", "NAME", "DIRECTION", "USED BY", "SETTINGS"], ...rows]);
  return `${label} (${name}), ${lines.length} lines\n${table}`;
}

const levelOf = (level: boolean): string => (level ? "active" : "inactive");

export function formatLevels(levels: readonly LineLevel[]): string {
  const rows = levels.map(({ line, offset, level }) => [line, String(offset), levelOf(level)]);
  return formatTable([["NAME", "LINE", "LEVEL"], ...rows]);
}

/** The time is that of the machine's monotonic clock, in seconds. */
export function formatEdge({ line, edge, timestamp, sequence, lost }: WatchedEdge): string {
  const time = (Number(timestamp / 1000n) / 1e6).toFixed(6);
  return `${time}  ${line} ${edge} #${sequence}${lost > 0 ? ` (${lost} lost before)` : ""}`;
}

/** For programs: levels as words, numbers that a double cannot hold as text. */
export const levelToJson = ({ line, offset, level }: LineLevel): object => ({ line, offset, level: levelOf(level) });
export const edgeToJson = ({ timestamp, sequence, ...edge }: WatchedEdge): object => ({
  ...edge,
  timestamp: String(timestamp),
  sequence: Number(sequence),
});
