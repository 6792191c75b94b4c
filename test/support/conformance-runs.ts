import type { Reporter, TestModule } from "vitest/node";

/** Titles of the suites of test/conformance that several backends run: the contract, and the backend. */
const TITLE = /^(?:.* of )?((?:wasi|petiole|wasmcloud):[a-z0-9-]+) on (.+)$/;

/** Tells which backends ran the suite of their contract: one that is skipped, for want of its server, is missed here. */
export class ConformanceRuns implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const contracts = new Map<string, Map<string, { passed: number; others: number }>>();
    for (const suite of modules.flatMap((module) => [...module.children.allSuites()])) {
      const [, contract, backend] = TITLE.exec(suite.name) ?? [];
      if (contract === undefined || backend === undefined) continue;
      const backends = contracts.get(contract) ?? new Map<string, { passed: number; others: number }>();
      contracts.set(contract, backends);
      const counts = backends.get(backend) ?? { passed: 0, others: 0 };
      backends.set(backend, counts);
      for (const test of suite.children.allTests()) {
        if (test.result().state === "passed") counts.passed += 1;
        else counts.others += 1;
      }
    }
    if (contracts.size === 0) return;
    const lines = [...contracts].flatMap(([contract, backends]) => [
      contract,
      ...[...backends].map(([backend, { passed, others }]) => {
        const rest = others === 0 ? "" : `, ${others} skipped or failed`;
        return `    ${backend}: ${passed} passed${rest}`;
      }),
    ]);
    process.stdout.write(`\nConformance suites that ran:\n${lines.join("\n")}\n`);
  }
}
