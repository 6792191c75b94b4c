import type { Reporter, TestCase } from "vitest/node";

/** Names the tests that did not pass at their first try, and what they failed with: none of them goes unseen. */
export class SecondTries implements Reporter {
  readonly #seen: string[] = [];

  onTestCaseResult(test: TestCase): void {
    const { retryCount = 0, flaky = false } = test.diagnostic() ?? {};
    if (retryCount === 0) return;
    const errors = test.result().errors?.map(({ message }) => message) ?? [];
    const outcome = flaky ? "passed at the second try" : "failed twice";
    this.#seen.push([`${test.fullName} ${outcome}`, ...errors.map((text) => `    ${text}`)].join("\n"));
  }

  onTestRunEnd(): void {
    if (this.#seen.length > 0) process.stdout.write(`\nTests that were tried again:\n${this.#seen.join("\n")}\n\n`);
  }
}
