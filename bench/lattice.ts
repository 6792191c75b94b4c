// Calls between the hosts of a lattice. Docs: docs/performance.md.

import type { Benchmark } from "./frame.ts";
import { reportCalls } from "./lattice/calls.ts";

export const benchmark: Benchmark = {
  title: "lattice: calls between components of two devices against bare NATS request and reply",
  parts: { calls: reportCalls },
};
