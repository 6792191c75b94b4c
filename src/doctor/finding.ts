/** How bad it is. `unknown`: it could not be found out, and the message says why. */
export type Level = "ok" | "note" | "warning" | "fault" | "unknown";

/** What an examination found; one line for people. */
export interface Finding {
  /** What was looked at, such as `clock` or `disk`; in the order in which they are printed. */
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string | undefined;
}

const RANK: Readonly<Record<Level, number>> = { ok: 0, note: 1, unknown: 2, warning: 3, fault: 4 };

/** The worst of all; `ok` of none. */
export function worstLevel(findings: readonly Finding[]): Level {
  return findings.reduce<Level>((worst, { level }) => (RANK[level] > RANK[worst] ? level : worst), "ok");
}
