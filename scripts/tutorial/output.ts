import { stripVTControlCharacters } from "node:util";

/** Lines without colours, what spinners wrote over, and what nobody sees. */
export const linesOf = (output: string): string[] =>
  stripVTControlCharacters(output)
    .split("\n")
    .map((line) => line.slice(line.lastIndexOf("\r", line.length - 2) + 1).trimEnd())
    .filter((line) => line !== "");

/**
 * Whether an output is what a document shows: line by line, without empty ones. In a line, `…` stands for any text; a line of
 * `…` alone for any lines. Returns what is different, if anything is.
 */
export function difference(output: string, shown: string): string | undefined {
  const lines = linesOf(output);
  const patterns = linesOf(shown);
  const fits = fit(lines, patterns, true);
  return fits === undefined ? undefined : describe(lines, patterns, fits);
}

/** Where an output that still grows has come after all lines that are shown, which may stand anywhere; undefined if it has not. */
export function foundIn(output: string, shown: string): number | undefined {
  const patterns = linesOf(shown).filter((line) => line.trim() !== "…");
  let at = 0;
  let next = 0;
  for (const line of output.split("\n")) {
    at += line.length + 1;
    const pattern = patterns[next];
    if (pattern !== undefined && lineFits(linesOf(line)[0] ?? "", pattern)) next += 1;
    if (next === patterns.length) return Math.min(at, output.length);
  }
  return undefined;
}

/** The first pattern that nothing fits; undefined when all do. Gaps are tried shortest first. */
function fit(lines: readonly string[], patterns: readonly string[], isWhole: boolean): number | undefined {
  const reached = { pattern: 0 };
  const go = (line: number, pattern: number): boolean => {
    reached.pattern = Math.max(reached.pattern, pattern);
    const wanted = patterns[pattern];
    if (wanted === undefined) return !isWhole || line === lines.length;
    if (wanted.trim() === "…") {
      for (let from = line; from <= lines.length; from += 1) if (go(from, pattern + 1)) return true;
      return false;
    }
    const found = lines[line];
    return found !== undefined && lineFits(found, wanted) && go(line + 1, pattern + 1);
  };
  return go(0, 0) ? undefined : reached.pattern;
}

function lineFits(line: string, pattern: string): boolean {
  const escaped = pattern.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`, "su").test(line);
}

function describe(lines: readonly string[], patterns: readonly string[], at: number): string {
  const wanted = patterns[at] === undefined ? "nothing more" : `"${patterns[at]}"`;
  return `want ${wanted} as line ${at + 1} of\n${patterns.map((line) => `    ${line}`).join("\n")}\n  found\n${lines
    .map((line) => `    ${line}`)
    .join("\n")}`;
}
