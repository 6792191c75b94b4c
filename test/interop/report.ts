/** Says what is done, and what was found; a deviation ends the process with 1. */
export interface Report {
  readonly step: (what: string) => void;
  /** @throws Error when `found` does not hold */
  readonly check: (what: string, found: boolean, detail?: unknown) => void;
}

/** Runs one of the interoperability checks as a program. */
export async function interop(name: string, work: (report: Report) => Promise<void>): Promise<void> {
  const begun = performance.now();
  const line = (text: string): void =>
    console.log(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}`);
  try {
    await work({
      step: line,
      check(what, found, detail) {
        if (found) return line(`ok  ${what}`);
        throw new Error(`${what}${detail === undefined ? "" : `: ${JSON.stringify(detail)}`}`);
      },
    });
    line(`${name}: no deviation`);
  } catch (error) {
    line(`${name}: DEVIATION`);
    console.error(error);
    process.exitCode = 1;
  }
}
