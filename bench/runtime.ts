// The component runtime: how soon it answers, how fast it is called, what it weighs. Docs: docs/performance.md.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Benchmark, Report } from "./frame.ts";
import { reportCalls } from "./runtime/calls.ts";
import { reportColdStart } from "./runtime/cold-start.ts";
import { reportFirstCalls } from "./runtime/first-calls.ts";
import { reportGlue } from "./runtime/glue.ts";
import { reportHttp } from "./runtime/http.ts";
import { reportMemory } from "./runtime/memory.ts";

export const benchmark: Benchmark = {
  title: "runtime: components against bare Node, plain JavaScript workers and node:http",
  parts: {
    "cold-start": withComponents(reportColdStart),
    "first-calls": withComponents(reportFirstCalls),
    glue: withComponents(reportGlue),
    calls: withComponents(reportCalls),
    memory: withComponents(reportMemory),
    http: withComponents(reportHttp),
  },
};

/** The components are built before they are measured; that takes no time when nothing changed. */
function withComponents(part: (report: Report) => Promise<void>): (report: Report) => Promise<void> {
  return async (report) => {
    const script = fileURLToPath(new URL("../scripts/build-examples.ts", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
    if (status !== 0) throw new Error(`Cannot build the components: ${stderr}`);
    await part(report);
  };
}
