// npm run check: format, lint, types, dead code and the rules that tests hold (layers, error codes, documents). Runs all of them, then says which failed.

import { spawnSync } from "node:child_process";

const CHECKS = [
  // The examples' types come from their WIT worlds.
  ["components", "node", "scripts/build-examples.ts"],
  ["format", "oxfmt", "--check", "."],
  ["lint", "oxlint", "--type-aware", "--deny-warnings"],
  ["types", "tsc", "--noEmit"],
  ["types of the page", "tsc", "--noEmit", "--project", "src/ui/page"],
  ["dead code", "knip"],
  [
    "rules",
    "vitest",
    "run",
    "--project",
    "unit",
    "test/layers",
    "test/errors",
    "test/documents",
    "test/reference",
    "test/version",
  ],
] as const;

const results = CHECKS.map(([name, command, ...args]) => {
  console.log(`\n── ${name}: ${command} ${args.join(" ")}`);
  const start = performance.now();
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (error !== undefined) console.error(error.message);
  return { name, ok: status === 0, seconds: (performance.now() - start) / 1000 };
});

console.log();
for (const { name, ok, seconds } of results)
  console.log(`${ok ? "ok    " : "FAILED"}  ${name} (${seconds.toFixed(1)} s)`);
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
