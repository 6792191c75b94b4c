// The component runtime: how soon it answers, how fast it is called, what it weighs. Docs: docs/performance.md.

import type { Benchmark } from "./frame.ts";
import { reportCalls } from "./runtime/calls.ts";
import { reportColdStart } from "./runtime/cold-start.ts";
import { reportFirstCalls } from "./runtime/first-calls.ts";
import { reportGlue } from "./runtime/glue.ts";
import { reportHttp } from "./runtime/http.ts";
import { reportMemory } from "./runtime/memory.ts";
import { withComponents } from "./runtime/with-components.ts";

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
