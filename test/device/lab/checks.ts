// What the lab found: one verdict for each thing that was looked at, with the time that it took.

import { reasonOf } from "../../../src/lib/reason.ts";

export interface Finding {
  readonly scenario: string;
  readonly check: string;
  readonly verdict: "ok" | "FAILED" | "skipped";
  readonly seconds: number;
  /** Figures, or why it failed or was skipped. */
  readonly detail: string;
}

export interface Checks {
  /** What it resolves with is shown beside the verdict. @throws what `work` rejects with: what comes next stands on it */
  readonly check: (title: string, work: () => Promise<string | undefined>) => Promise<void>;
  /** The same for something that nothing else stands on. */
  readonly look: (title: string, work: () => Promise<string | undefined>) => Promise<void>;
  readonly skip: (title: string, reason: string) => void;
}

export function createChecks(scenario: string, report: (finding: Finding) => void): Checks {
  const attempt = async (check: string, work: () => Promise<string | undefined>): Promise<void> => {
    const begin = performance.now();
    const tell = (verdict: Finding["verdict"], detail: string): void =>
      report({ scenario, check, verdict, seconds: (performance.now() - begin) / 1000, detail });
    try {
      tell("ok", (await work()) ?? "");
    } catch (error) {
      tell("FAILED", reasonOf(error));
      throw error;
    }
  };
  return {
    check: attempt,
    look: (title, work) => attempt(title, work).catch(() => {}),
    skip: (title, reason) => report({ scenario, check: title, verdict: "skipped", seconds: 0, detail: reason }),
  };
}
